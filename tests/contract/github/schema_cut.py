"""
GitHub's public GraphQL schema cut down to the types and fields that a document of operations names.
"""

from __future__ import annotations

from collections.abc import Iterator

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    InputValueDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    get_named_type,
    is_specified_scalar_type,
    lexicographic_sort_schema,
    parse,
    print_ast,
    print_schema,
    validate,
    validate_schema,
    visit,
)


class OperationsError(Exception):
    """
    The document of operations names something that GitHub's schema does not have.
    """


def cut_schema(full_sdl: str, operations: str) -> str:
    """
    SDL of the fields that *operations* select, with all their arguments and input types.

    Interfaces and unions keep only the members that the operations name. Descriptions are dropped.

    Raises:
        OperationsError: *operations* is not valid against *full_sdl*.
    """
    schema = build_schema(full_sdl, assume_valid=True)
    document = parse(operations)
    errors = validate(schema, document)
    if errors:
        raise OperationsError("operations.graphql: " + "; ".join(e.message for e in errors))
    kept = _with_interface_fields(schema, _selected(schema, document))
    cut = build_schema("\n\n".join(_definitions(schema, kept)))
    invalid = validate_schema(cut)
    if invalid:
        raise OperationsError("; ".join(error.message for error in invalid))
    return print_schema(lexicographic_sort_schema(cut)) + "\n"


def _selected(schema: GraphQLSchema, document: DocumentNode) -> dict[str, set[str]]:
    """
    Type name -> the names of its fields that *document* selects.
    """
    selected: dict[str, set[str]] = {}
    info = TypeInfo(schema)

    class Collect(Visitor):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            parent = info.get_parent_type()
            if parent is None:
                return
            names = selected.setdefault(parent.name, set())
            if not node.name.value.startswith("__"):
                names.add(node.name.value)

    visit(document, TypeInfoVisitor(info, Collect()))
    return selected


def _with_interface_fields(
    schema: GraphQLSchema, selected: dict[str, set[str]]
) -> dict[str, set[str]]:
    """
    *selected*, where every kept type also has the kept fields of each kept interface it implements.
    """
    kept = {name: set(fields) for name, fields in selected.items()}
    for name, fields in kept.items():
        type_ = schema.type_map[name]
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for interface in type_.interfaces:
                fields |= selected.get(interface.name, set())
    return kept


def _definitions(schema: GraphQLSchema, kept: dict[str, set[str]]) -> Iterator[str]:
    waiting = list(kept)
    done: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in done:
            continue
        done.add(name)
        type_ = schema.type_map[name]
        if is_specified_scalar_type(type_):
            continue
        lines, used = _definition(type_, kept)
        yield lines
        waiting.extend(used)


def _definition(type_: GraphQLNamedType, kept: dict[str, set[str]]) -> tuple[str, list[str]]:
    """
    The SDL of *type_*, and the names of the types it mentions.
    """
    used: list[str] = []
    match type_:
        case GraphQLScalarType():
            return f"scalar {type_.name}", used
        case GraphQLEnumType():
            return f"enum {type_.name} {{ {' '.join(type_.values)} }}", used
        case GraphQLUnionType():
            members = [member.name for member in type_.types if member.name in kept]
            return f"union {type_.name} = {' | '.join(members)}", members
        case GraphQLInputObjectType():
            fields = []
            for name, field in type_.fields.items():
                used.append(get_named_type(field.type).name)
                fields.append(f"  {name}: {field.type}{_default(field.ast_node)}")
            return f"input {type_.name} {{\n" + "\n".join(fields) + "\n}", used
        case GraphQLObjectType() | GraphQLInterfaceType():
            fields = []
            for name in sorted(kept.get(type_.name, ())):
                output = type_.fields[name]
                used.append(get_named_type(output.type).name)
                arguments = []
                for argument_name, argument in output.args.items():
                    used.append(get_named_type(argument.type).name)
                    default = _default(argument.ast_node)
                    arguments.append(f"{argument_name}: {argument.type}{default}")
                listed = f"({', '.join(arguments)})" if arguments else ""
                fields.append(f"  {name}{listed}: {output.type}")
            interfaces = [i.name for i in type_.interfaces if kept.get(i.name)]
            implements = f" implements {' & '.join(interfaces)}" if interfaces else ""
            kind = "interface" if isinstance(type_, GraphQLInterfaceType) else "type"
            body = "\n".join(fields)
            return f"{kind} {type_.name}{implements} {{\n{body}\n}}", used
        case _:
            raise OperationsError(f"{type_.name}: a kind of type that is not known here")


def _default(node: InputValueDefinitionNode | None) -> str:
    return f" = {print_ast(node.default_value)}" if node and node.default_value else ""
