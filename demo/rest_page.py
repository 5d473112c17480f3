"""The description of the REST endpoint as a plain page that needs nothing from elsewhere."""

from html import escape

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}caption{text-align:left;font-weight:bold}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;"
    "border-bottom:1px solid #999}code{font-size:.95em;overflow-wrap:anywhere}"
    "th code{overflow-wrap:normal}a{color:inherit}:root{color-scheme:light dark}"
)


def description_page(openapi: dict) -> str:
    """Render an OpenAPI description of multipart and JSON endpoints."""
    about = openapi["info"]
    base = openapi.get("servers", [{"url": "/api"}])[0]["url"]
    operations = "".join(
        _operation(method, f"{base}{path}", operation, openapi)
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(about["title"])}: '
        f"REST</title><style>{_STYLE}</style><main><h1>{escape(about['title'])}: REST</h1>"
        f"<p>{escape(about['description'])}</p>{operations}"
        f'<p>The same for programs: <a href="openapi.json">openapi.json</a></p></main></html>'
    )


def _operation(method: str, path: str, operation: dict, openapi: dict) -> str:
    form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data")
    fields = _fields(_resolved(form["schema"], openapi)) if form else ""
    answers = "".join(
        _row(status, escape(_status_text(answer)), _shape(answer, openapi))
        for status, answer in operation["responses"].items()
    )
    return (
        f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
        f"<p>{escape(operation.get('description', ''))}</p>{fields}"
        f"<table><caption>Answers</caption>{_head('Status', 'Meaning', 'JSON')}{answers}</table>"
    )


def _fields(schema: dict) -> str:
    needed = schema.get("required", [])
    rows = "".join(
        _row(name, "always" if name in needed else "if known", _accepted(field))
        for name, field in schema["properties"].items()
    )
    return f"<table><caption>Fields</caption>{_head('Field', 'Sent', 'Accepted')}{rows}</table>"


def _accepted(field: dict) -> str:
    """Say in words which values a field takes."""
    if "anyOf" in field:
        return ", or ".join(_accepted(choice) for choice in field["anyOf"])
    if "enum" in field:
        return ", ".join(f"<code>{escape(word)}</code>" for word in field["enum"] if word)
    if field.get("type") == "number":
        return f"{field['minimum']:g} to {field['maximum']:g}"
    return escape(field.get("description", field.get("type", "")))


def _shape(answer: dict, openapi: dict) -> str:
    """The keys of an answer."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    keys = _resolved(schema, openapi).get("properties", {})
    return ", ".join(f"<code>{escape(key)}</code>" for key in keys)


def _status_text(answer: dict) -> str:
    return answer.get("description", "").replace("`", "")


def _resolved(schema: dict, openapi: dict) -> dict:
    """Follow a reference into the description's components."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return openapi["components"]["schemas"][name] if name else schema


def _head(*cells: str) -> str:
    return "<tr>" + "".join(f'<th scope="col">{cell}</th>' for cell in cells) + "</tr>"


def _row(name: str, *cells: str) -> str:
    rest = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr><th scope="row"><code>{escape(name)}</code></th>{rest}</tr>'
