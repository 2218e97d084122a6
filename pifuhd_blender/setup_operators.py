# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons that set the engine up, update and remove it, and download the released weights."""

from abc import abstractmethod

import bpy

from . import devices, engine_setup, engine_status, jobs, weights_download
from .engine.errors import EngineError
from .engine.sentences import Sentence
from .labels import told, words

OFFLINE = "Blender is offline. Turn on Allow Online Access in Preferences > System."


def download_weights(*, accepted: bool) -> None:
    """Start the download of PIFuHD's weights; in background, run it to its end. Raises EngineError."""
    if not accepted:
        raise EngineError("bad_settings", "The licence was not accepted.", "Nothing was downloaded.")
    task = weights_download.start(engine_setup.status().python, jobs.engine_folder())
    if bpy.app.background:  # timers never fire there
        while not weights_download.settle():
            task.join(engine_setup.TICK)
        if isinstance(task.error, EngineError):
            raise task.error


def busy() -> str:
    """Why nothing of the engine may be changed now, "" where it may."""
    if jobs.current() is not None:
        return "A reconstruction is running. Wait for it, or cancel it."
    if weights_download.current() is not None:
        return "Weights are being downloaded. Wait for it, or cancel it."
    task = engine_setup.current()
    return Sentence("{task}. Wait until that is done.", task=Sentence(task.name)) if task is not None else ""


class _SetupOperator(bpy.types.Operator):
    """What the operators here share: a poll that gives its reason, and errors as reports."""

    @classmethod
    def reason(cls) -> str:
        """Why the operator is off, "" where it is on."""
        return busy()

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        reason = cls.reason()
        if reason:
            cls.poll_message_set(words(reason))
        return not reason

    @abstractmethod
    def act(self) -> None:
        """The operator's work. Raises EngineError, OSError."""

    def execute(self, _context: bpy.types.Context) -> set[str]:
        try:
            self.act()
        except EngineError as error:
            self.report({'ERROR'}, told(error))
            return {'CANCELLED'}
        except OSError as error:
            self.report({'ERROR'}, str(error))
            return {'CANCELLED'}
        finally:
            engine_setup.redraw()
        return {'FINISHED'}


class PIFUHD_OT_set_up_engine(_SetupOperator):
    bl_idname = "pifuhd.set_up_engine"
    bl_label = "Set Up Engine"
    bl_description = "Make the engine's own Python environment and download PyTorch into it"

    @classmethod
    def reason(cls) -> str:
        chosen = engine_setup.preferences()
        if busy():
            return busy()
        if devices.unsupported():
            return devices.unsupported()
        return "" if bpy.app.online_access or (chosen and chosen.wheel_folder) else OFFLINE

    def act(self) -> None:
        jobs.stop_engine()  # it may run from the environment that is changed
        engine_status.forget()
        task = engine_setup.start()
        if bpy.app.background:  # timers never fire there
            while not engine_setup.settle():
                task.join(engine_setup.TICK)
            if isinstance(task.error, EngineError):
                raise task.error


class PIFUHD_OT_cancel_engine_setup(_SetupOperator):
    bl_idname = "pifuhd.cancel_engine_setup"
    bl_label = "Cancel Setup"
    bl_description = "Stop. What was downloaded is kept, and setting up again goes on from there"

    @classmethod
    def reason(cls) -> str:
        task = engine_setup.current()
        if task is None:
            return "Nothing is being set up."
        return "It is already stopping." if task.cancelling else ""

    def act(self) -> None:
        task = engine_setup.current()
        if task is not None:
            task.cancel()


class PIFUHD_OT_use_environment(_SetupOperator):
    bl_idname = "pifuhd.use_environment"
    bl_label = "Use Existing Environment"
    bl_description = "Choose the Python of an environment that has the engine's packages. It is checked"

    filepath: bpy.props.StringProperty(subtype='FILE_PATH', options={'SKIP_SAVE'})  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {'RUNNING_MODAL'}

    def act(self) -> None:
        engine_setup.check(bpy.path.abspath(self.filepath))


class PIFUHD_OT_remove_engine(_SetupOperator):
    bl_idname = "pifuhd.remove_engine"
    bl_label = "Remove Engine"
    bl_description = "Delete the engine's Python environment. Weights and your models stay"

    @classmethod
    def reason(cls) -> str:
        return busy() or ("" if engine_setup.removable_mb() else "There is nothing to remove.")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        size = devices.in_words(engine_setup.removable_mb())
        return context.window_manager.invoke_confirm(
            self,
            event,
            title="Remove the engine?",
            message=words("This frees {size}. Set Up Engine downloads it again.", size=size),
            confirm_text="Remove",
        )

    def act(self) -> None:
        jobs.stop_engine()
        engine_setup.remove()


class PIFUHD_OT_download_weights(_SetupOperator):
    bl_idname = "pifuhd.download_weights"
    bl_label = "Download PIFuHD's Weights"
    bl_description = "Download the checkpoint released with the paper PIFuHD, for non-commercial use"

    accepted: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="I accept this licence",
        default=False,
        options={'SKIP_SAVE'},
        description="Without it nothing is downloaded",
    )

    @classmethod
    def reason(cls) -> str:
        if weights_download.current() is not None:
            return "The weights are being downloaded."
        if not engine_setup.status().python or engine_setup.current() is not None:
            return "The engine is not set up."
        return "" if bpy.app.online_access else OFFLINE

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(
            self, width=400, title="PIFuHD's Weights", confirm_text="Download"
        )

    def draw(self, _context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        for line in weights_download.LICENCE:
            column.label(text=line)
        column.separator()
        column.operator("wm.url_open", text="Read the Licence", icon='URL').url = weights_download.LICENCE_URL
        column.separator()
        text = words("Download: about {size}, half of it on disk afterwards", size=weights_download.SIZE)
        column.label(text=text, translate=False)
        folder = weights_download.ENTRY.path.parent
        column.label(text=words("Into: {folder}", folder=folder), translate=False)
        column.separator()
        column.prop(self, "accepted")

    def act(self) -> None:
        download_weights(accepted=self.accepted)


class PIFUHD_OT_cancel_weights(_SetupOperator):
    bl_idname = "pifuhd.cancel_weights"
    bl_label = "Cancel Download"
    bl_description = "Stop the download. What has arrived is kept"

    @classmethod
    def reason(cls) -> str:
        return "" if weights_download.current() else "Nothing is being downloaded."

    def act(self) -> None:
        task = weights_download.current()
        if task is not None:
            task.cancel()


class PIFUHD_OT_free_memory(_SetupOperator):
    bl_idname = "pifuhd.free_memory"
    bl_label = "Free Memory"
    bl_description = "Have the engine give back its networks' memory. The next job loads them again"

    @classmethod
    def reason(cls) -> str:
        return "" if engine_status.idle_engine() else "The engine is off, or working."

    def act(self) -> None:
        engine_status.free_memory()


class PIFUHD_OT_stop_engine(_SetupOperator):
    bl_idname = "pifuhd.stop_engine"
    bl_label = "Stop Engine"
    bl_description = "End the engine's process. The next job starts it again"

    @classmethod
    def reason(cls) -> str:
        return "" if engine_status.idle_engine() else "The engine is off, or working."

    def act(self) -> None:
        engine_status.stop()


class PIFUHD_OT_examine_engine(_SetupOperator):
    bl_idname = "pifuhd.examine_engine"
    bl_label = "Examine Engine"
    bl_description = "Look for what keeps the engine from working: packages, device, memory, disk, weights"

    @classmethod
    def reason(cls) -> str:
        return busy() or ("" if engine_setup.status().python else "The engine is not set up.")

    def act(self) -> None:
        engine_status.examine_engine()


class PIFUHD_OT_open_setup_log(_SetupOperator):
    bl_idname = "pifuhd.open_setup_log"
    bl_label = "Open Setup Log"
    bl_description = "Show what venv and pip wrote"

    @classmethod
    def reason(cls) -> str:
        return ""

    def act(self) -> None:
        log = engine_setup.setup_log_path()
        if not log.is_file():
            raise EngineError("io", "There is no setup log yet.", "It begins with Set Up Engine.")
        bpy.ops.wm.path_open(filepath=str(log))


_CLASSES = (
    PIFUHD_OT_set_up_engine,
    PIFUHD_OT_cancel_engine_setup,
    PIFUHD_OT_use_environment,
    PIFUHD_OT_remove_engine,
    PIFUHD_OT_download_weights,
    PIFUHD_OT_cancel_weights,
    PIFUHD_OT_free_memory,
    PIFUHD_OT_stop_engine,
    PIFUHD_OT_examine_engine,
    PIFUHD_OT_open_setup_log,
)

register, unregister = bpy.utils.register_classes_factory(_CLASSES)
