# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small validator for the JSON Schemas of this project."""

import re


class Schema:
    """The part of JSON Schema 2020-12 that ours is written in; an unknown keyword is an error."""

    SILENT = {"$schema", "$comment", "$defs", "title", "description"}

    def __init__(self, root):
        self.root = root
        self.seen = set()   # of every constraint: (place, keyword)
        self.used = set()   # of those that have refused something

    def resolve(self, schema, place):
        while isinstance(schema, dict) and "$ref" in schema:
            place = schema["$ref"]
            schema = self.root
            for step in place[2:].split("/"):
                schema = schema[step]
        return schema, place

    def faults(self, schema, value, place="#"):
        """Places and keywords by which the schema refuses the value."""
        schema, place = self.resolve(schema, place)
        if schema is False:
            self.seen.add((place, "false"))
            return {(place, "false")}
        found = set()
        for keyword, wanted in schema.items():
            if keyword in self.SILENT or keyword in ("then",):
                continue
            self.seen.add((place, keyword))
            below = getattr(self, "check_" + keyword)(schema, wanted, value, f"{place}/{keyword}")
            if below is True:
                found.add((place, keyword))
            elif below:
                found |= below
        return found

    def accepts(self, value):
        found = self.faults(self.root, value)
        self.used |= found
        return not found

    @staticmethod
    def is_type(value, name):
        if name in ("integer", "number"):
            return isinstance(value, int) and not isinstance(value, bool)
        return isinstance(value, {"object": dict, "array": list, "string": str,
                                  "boolean": bool, "null": type(None)}[name])

    def check_type(self, _schema, wanted, value, _place):
        names = wanted if isinstance(wanted, list) else [wanted]
        return not any(self.is_type(value, name) for name in names)

    @staticmethod
    def same(a, b):
        return type(a) is type(b) and a == b

    def check_const(self, _schema, wanted, value, _place):
        return not self.same(wanted, value)

    def check_enum(self, _schema, wanted, value, _place):
        return not any(self.same(each, value) for each in wanted)

    def check_pattern(self, _schema, wanted, value, _place):
        # ECMA's $ is the end, Python's may be before a last newline.
        return isinstance(value, str) and not re.search(wanted.replace("$", r"\Z"), value)

    def check_minLength(self, _schema, wanted, value, _place):
        return isinstance(value, str) and len(value) < wanted

    def check_minimum(self, _schema, wanted, value, _place):
        return self.is_type(value, "number") and value < wanted

    def check_maximum(self, _schema, wanted, value, _place):
        return self.is_type(value, "number") and value > wanted

    def check_minItems(self, _schema, wanted, value, _place):
        return isinstance(value, list) and len(value) < wanted

    def check_maxItems(self, _schema, wanted, value, _place):
        return isinstance(value, list) and len(value) > wanted

    def check_minProperties(self, _schema, wanted, value, _place):
        return isinstance(value, dict) and len(value) < wanted

    def check_required(self, _schema, wanted, value, _place):
        return isinstance(value, dict) and any(key not in value for key in wanted)

    def check_additionalProperties(self, schema, wanted, value, _place):
        assert wanted is False
        return isinstance(value, dict) and any(key not in schema["properties"] for key in value)

    def check_properties(self, _schema, wanted, value, place):
        found = set()
        for key, schema in wanted.items() if isinstance(value, dict) else ():
            if key in value:
                found |= self.faults(schema, value[key], f"{place}/{key}")
        return found

    def check_items(self, _schema, wanted, value, place):
        found = set()
        for each in value if isinstance(value, list) else ():
            found |= self.faults(wanted, each, place)
        return found

    def check_allOf(self, _schema, wanted, value, place):
        return set().union(*(self.faults(each, value, f"{place}/{i}")
                             for i, each in enumerate(wanted)))

    def check_anyOf(self, _schema, wanted, value, place):
        found = [self.faults(each, value, f"{place}/{i}") for i, each in enumerate(wanted)]
        return set().union(*found) if all(found) else set()

    def check_if(self, schema, wanted, value, place):
        before = set(self.seen)
        holds = not self.faults(wanted, value, place)
        self.seen = before  # a condition refuses nothing
        return self.faults(schema["then"], value, f"{place}/then") if holds else set()
