"""Catalogues: trajectories of whole collections, as Parquet; a stopped run goes on.

::

    store = Store(Path("trajectories"), settings)
    chunks = store.chunks(find_sounds([Path("music")]), CHUNK)
    for outcome in on_threads(store.parts, chunks, engine, tracking, channels, threads):
        ...  # goes on where a run before this one was stopped

`files` finds the sounds, `store` keeps what became of them, `local` and `on_ray` do the work.
"""
