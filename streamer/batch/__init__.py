"""Trajectories of audio files, faster than real time: one table, or a Parquet dataset.

::

    dataset = ParquetDataset(Path("trajectories"), settings)
    chunks = dataset.remaining(find_audio_files([Path("music")]), MAX_FILES_PER_PART)
    for result in analyze_on_threads(dataset.writer, chunks, engine, tracking, channels, threads):
        ...  # a run that was stopped continues

`input_files` finds the files, `analysis` tracks them on threads, `ray_runner` on a Ray cluster,
`parquet_dataset` stores the trajectories.
"""
