"""What a statement sees of the catalog: immutable, with the rules by which names are found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from outcrop.catalog.objects import (
    PUBLIC_SCHEMA,
    SYSTEM_SCHEMA,
    ExternalModel,
    QualifiedName,
    Relation,
    RelationKind,
)
from outcrop.errors import (
    UndefinedModel,
    UndefinedRelation,
    UndefinedSchema,
    WrongObjectKind,
    suggest,
)

DATABASE = "dev"


@dataclass(frozen=True, slots=True)
class CatalogSnapshot:
    """All objects at one moment, by name.

    `search_path` are the schemas in which an unqualified name is looked up, in order; the system
    schema is always looked up last. Names arrive folded, as tuples of one to three parts.
    """

    schemas: frozenset[str] = frozenset({PUBLIC_SCHEMA})
    relations_by_name: Mapping[QualifiedName, Relation] = field(default_factory=dict)
    models_by_name: Mapping[QualifiedName, ExternalModel] = field(default_factory=dict)
    search_path: tuple[str, ...] = (PUBLIC_SCHEMA,)

    @property
    def relations(self) -> Iterable[Relation]:
        """Every relation, in no order."""
        return self.relations_by_name.values()

    @property
    def models(self) -> Iterable[ExternalModel]:
        """Every external model, in no order."""
        return self.models_by_name.values()

    def qualify_new(self, parts: Sequence[str]) -> QualifiedName:
        """Return the full name of an object that is about to be created.

        Raises UndefinedSchema.
        """
        schema, name = self._split(parts)
        schema = schema or self.search_path[0]
        if schema not in self.schemas or schema == SYSTEM_SCHEMA:
            raise UndefinedSchema(
                f"schema {schema!r} does not exist",
                hint=suggest(schema, self.schemas) or f"CREATE SCHEMA {schema}; makes it.",
            )
        return QualifiedName(schema, name)

    def find_relation(self, parts: Sequence[str]) -> Relation | None:
        """Return the relation that a name means, or None."""
        for candidate in self._candidates(parts):
            if (relation := self.relations_by_name.get(candidate)) is not None:
                return relation
        return None

    def relation(self, parts: Sequence[str], kind: RelationKind | None = None) -> Relation:
        """Return the relation that a name means.

        Raises UndefinedRelation with a suggestion, or WrongObjectKind if it is not of `kind`.
        """
        relation = self.find_relation(parts)
        if relation is None:
            known = [str(r.name) for r in self.relations] + [r.name.name for r in self.relations]
            raise UndefinedRelation(
                f"relation {'.'.join(parts)!r} does not exist", hint=suggest(".".join(parts), known)
            )
        if kind is not None and relation.kind is not kind:
            raise WrongObjectKind(
                f"{str(relation.name)!r} is a {relation.kind}, not a {kind}",
                hint=f"Name a {kind}, or use the statement for a {relation.kind}.",
            )
        return relation

    def find_model(self, parts: Sequence[str]) -> ExternalModel | None:
        """Return the external model that a name means, or None."""
        for candidate in self._candidates(parts):
            if (model := self.models_by_name.get(candidate)) is not None:
                return model
        return None

    def model(self, parts: Sequence[str]) -> ExternalModel:
        """Return the external model that a name means; raises UndefinedModel."""
        model = self.find_model(parts)
        if model is None:
            raise UndefinedModel(
                f"model {'.'.join(parts)!r} does not exist",
                hint=suggest(parts[-1], [m.name.name for m in self.models])
                or "SHOW MODEL ALL lists the models.",
            )
        return model

    def find_function(self, parts: Sequence[str]) -> ExternalModel | None:
        """Return the external model whose function a name means, or None."""
        functions = {model.function: model for model in self.models}
        for candidate in self._candidates(parts):
            if (model := functions.get(candidate)) is not None:
                return model
        return None

    def dependents(self, oid: int) -> tuple[Relation, ...]:
        """Return the materialized views that read the relation with this oid, oldest first."""
        found = [r for r in self.relations if oid in r.depends_on]
        return tuple(sorted(found, key=lambda relation: relation.oid))

    def _candidates(self, parts: Sequence[str]) -> Iterable[QualifiedName]:
        schema, name = self._split(parts)
        if schema is not None:
            return (QualifiedName(schema, name),)
        return tuple(QualifiedName(s, name) for s in (*self.search_path, SYSTEM_SCHEMA))

    @staticmethod
    def _split(parts: Sequence[str]) -> tuple[str | None, str]:
        match parts:
            case [name]:
                return None, name
            case [schema, name]:
                return schema, name
            case [database, schema, name]:
                if database != DATABASE:
                    raise UndefinedRelation(
                        f"cross-database reference to {database!r} is not possible",
                        hint=f"The one database is {DATABASE!r}.",
                    )
                return schema, name
        raise UndefinedRelation(f"name {'.'.join(parts)!r} has too many parts")
