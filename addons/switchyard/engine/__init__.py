"""mitmproxy's machinery with less of it running: what `scripts/start` puts in place of its own.

mitmproxy asks all of its some forty add-ons about every hook, each through a context manager, in a
task of its own; it reads every connection through a task, a lock and a queue. Nothing here changes
what is done, only how it is driven:

- `hooks.py`: a table of who handles which hook, and handlers called at once.
- `idle.py`: who is left out of it, having nothing to do.
- `wire.py`: a TCP connection whose bytes are handed on as they come.
- `driving.py`: events in, commands out.
- `handler.py`: the connections of one client.
- `watchdog.py`: the end of connections on which nothing happens.
- `logs.py`: records that nobody looks at are not made.
- `keeping.py`: a connection to a server while it has no client.
- `messages.py`: headers and options without the checks that cost more than what they check.
- `workers.py`: several processes behind one port.
- `install.py`: puts these in mitmproxy's place, before it starts.

`mitmdump -s addons/router.py` runs without any of it.
"""
