"""Drives mitmproxy's layers with less work than mitmproxy's own machinery.

mitmproxy asks all of its some forty add-ons about every hook, each through a context manager, in a
task of its own; it reads every connection through a task, a lock and a queue. Nothing here changes
what is done, only how it is driven:

- `hooks.py`: a table of the handlers of each hook, called at once.
- `idle_addons.py`: add-ons without work, which the table leaves out.
- `connection.py`: a TCP connection whose bytes go on as they arrive.
- `driver.py`: events in, commands out.
- `handler.py`: the connections of one client.
- `watchdog.py`: ends connections on which nothing happens.
- `logs.py`: makes no log records without a reader.
- `parked.py`: a connection to a server while it has no client.
- `fast_messages.py`: headers and options without checks that cost more than they find.
- `workers.py`: several processes behind one port.
- `install.py`: puts these in mitmproxy's place, before it starts.

`mitmdump -s addons/router.py` runs without any of it.
"""
