"""Web dashboard: a page that shows a run and changes its settings.

`dashboard.Dashboard` is the output. It sends updates to a child process (`web_process`), at most
twenty a second, and executes the commands that viewers send back; `ipc` defines these messages. The
child process (`web`) serves the page (`page`) at a lower priority, so that viewers take no time
from tracking.
"""
