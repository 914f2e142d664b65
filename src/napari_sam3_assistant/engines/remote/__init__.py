"""An engine that lives on a server of ours: see :mod:`~napari_sam3_assistant.engines.remote.engine`."""
