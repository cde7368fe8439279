"""Tool names of formats with namespaces, for formats without."""

from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.model.conversation import Tool
from switchyard.wire.shared.tool_names import MAX_LENGTH
from switchyard.wire.shared.tool_names import Names


def tool(name, namespace=None):
    return Tool(name=name, namespace=namespace)


def test_a_name_without_namespace_stays():
    names = Names([tool("read"), tool("write")])
    assert names.flat("read") == "read"
    assert names.tool("read") == tool("read")


def test_a_name_that_is_the_only_one_goes_without_its_namespace():
    names = Names([tool("search", "mcp__web"), tool("read")])
    assert names.flat("search", "mcp__web") == "search"
    assert names.tool("search") == tool("search", "mcp__web")


def test_equal_names_are_told_apart_by_their_namespaces():
    tools = [tool("search"), tool("search", "web"), tool("search", "mcp__code__")]
    names = Names(tools)
    flat = [names.flat(t.name, t.namespace) for t in tools]
    assert flat == ["search", "web__search", "mcp__code__search"]
    assert [names.tool(f) for f in flat] == tools


def test_a_call_of_a_tool_found_by_search_means_the_tool_declared_without_namespace():
    names = Names([tool("refund")])
    assert names.flat("refund", "refund") == "refund"


def test_a_call_of_a_tool_that_is_declared_no_more_keeps_its_name():
    names = Names([tool("read")])
    assert names.flat("gone", "space") == "gone"
    assert names.flat("gone") == "gone"
    assert names.tool("gone") is None


def test_tools_that_run_at_the_provider_have_no_flat_name():
    server = Tool(kind="server", name="web_search")
    assert Names([server]).tool("web_search") is None


SHORT = st.text("abc_.:ü", min_size=1, max_size=80)


@given(st.lists(st.tuples(st.one_of(st.none(), SHORT), SHORT), max_size=8, unique=True))
def test_every_tool_has_a_flat_name_of_its_own(keys):
    tools = [tool(name, namespace) for namespace, name in keys]
    names = Names(tools)
    flat = [names.flat(t.name, t.namespace) for t in tools]
    assert len(set(flat)) == len(flat)
    assert [names.tool(f) for f in flat] == tools
    for f, t in zip(flat, tools, strict=True):
        assert f == t.name or len(f) <= MAX_LENGTH
