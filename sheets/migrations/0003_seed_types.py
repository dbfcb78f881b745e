"""Seed the two sheet types: solution and secteur, as editable rows.

Each entry is (key, French heading, English heading, shape, question, instruction, extra). The
question finds the passages; the instruction is for the model that writes.
"""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

LEVELS = ["faible", "moyen", "fort"]

SOLUTION: dict[str, Any] = {
    "key": "solution",
    "name_fr": "Solution",
    "name_en": "Solution",
    "plural_fr": "Solutions",
    "plural_en": "Solutions",
    "description_fr": "Une technique, une organisation ou un geste qui réduit les émissions.",
    "description_en": "A technique, an organisation or a behaviour that cuts emissions.",
    "order": 1,
    "sections": [
        (
            "fiche", "header", "", "Fiche d’identité", "Identity",
            [
                ("categorie", "Catégorie", "Category", "value",
                 "À quelle catégorie de solutions appartient-elle ?",
                 "Un à quatre mots : la famille technique de la solution."),
                ("systeme", "Système", "System", "value",
                 "Quel système ou équipement est concerné ?",
                 "Un à six mots : l’équipement ou l’utilité concernée."),
                ("type", "Type de solution", "Kind of solution", "value",
                 "La solution est-elle technique, organisationnelle ou comportementale ?",
                 "Une des valeurs proposées.",
                 {"choices": ["technique", "organisationnelle", "comportementale"]}),
                ("maturite", "Niveau de maturité", "Maturity", "value",
                 "Quel est le niveau de maturité de la technologie ?",
                 "Émergente, en développement, éprouvée ou mature, avec le TRL s’il est donné."),
                ("cout", "Coût typique (ordre de grandeur)", "Typical cost (order of magnitude)",
                 "value", "Quel est le coût typique, en ordre de grandeur ?",
                 "Un montant ou une fourchette avec son unité et ses conditions."),
                ("complexite", "Complexité", "Complexity", "value",
                 "Quelle est la complexité de mise en œuvre ?", "Faible, moyenne ou élevée."),
            ],
        ),
        (
            "resume", "body", "🎯", "Résumé (10 secondes)", "Summary (10 seconds)",
            [
                ("resume", "Résumé", "Summary", "text",
                 "En quoi consiste la solution, avec quels gains d’énergie et de CO2 ?",
                 "Deux ou trois phrases : le principe, le gain principal chiffré, la condition."),
            ],
        ),
        (
            "contexte", "body", "🧭", "Contexte & périmètre", "Context & scope",
            [
                ("objectif", "Objectif principal", "Main goal", "text",
                 "Quel est l’objectif principal de la solution ?", "Une ou deux phrases."),
                ("sites", "Types de sites concernés", "Sites concerned", "list",
                 "Quels types de sites, d’usines ou de bâtiments sont concernés ?",
                 "Un type de site par ligne."),
                ("inclut", "Inclut", "Includes", "list",
                 "Que comprend le périmètre de la solution, quels équipements sont inclus ?",
                 "Un élément du périmètre par ligne."),
                ("exclut", "N’inclut pas", "Does not include", "list",
                 "Qu’est-ce qui n’est pas inclus, hors du périmètre de la solution ?",
                 "Un élément hors périmètre par ligne."),
                ("prerequis", "Prérequis", "Prerequisites", "list",
                 "Quels sont les prérequis réglementaires, techniques et organisationnels ?",
                 "Un prérequis par ligne, en disant s’il est réglementaire, technique ou "
                 "organisationnel."),
            ],
        ),
        (
            "fonctionnement", "body", "⚙️", "Fonctionnement", "How it works",
            [
                ("principe", "Description du principe", "Principle", "text",
                 "Comment fonctionne la solution, quel est son principe technique ?",
                 "Trois à cinq phrases."),
                ("variantes", "Variantes possibles", "Variants", "list",
                 "Quelles sont les variantes et les configurations possibles ?",
                 "Une variante par ligne, avec ce qui la distingue."),
            ],
        ),
        (
            "applicabilite", "body", "📌", "Conditions d’applicabilité", "When it applies",
            [
                ("pertinent", "Pertinent quand", "Relevant when", "list",
                 "Dans quels cas la solution est-elle pertinente, recommandée, rentable ?",
                 "Une condition par ligne."),
                ("eviter", "À éviter si", "To be avoided if", "list",
                 "Dans quels cas la solution est-elle à éviter ou déconseillée ?",
                 "Un cas par ligne."),
                ("contraintes", "Contraintes", "Constraints", "list",
                 "Quelles contraintes techniques, d’espace ou d’exploitation faut-il respecter ?",
                 "Une contrainte par ligne."),
            ],
        ),
        (
            "impacts", "body", "📊", "Impacts attendus", "Expected impacts",
            [
                ("energie", "Énergie", "Energy", "list",
                 "Quelles économies d’énergie, en kWh ou en pourcentage ?",
                 "Une valeur par ligne, avec son unité et ses conditions."),
                ("co2", "CO₂", "CO₂", "list",
                 "Quelles réductions d’émissions de CO2, en tonnes ou en kgCO2e ?",
                 "Une valeur par ligne, avec son unité et ses conditions."),
                ("capex", "Capex", "Capex", "list",
                 "Quel est le coût d’investissement, le Capex, en euros ?",
                 "Un montant par ligne, avec son unité et ses conditions."),
                ("opex", "Opex", "Opex", "list",
                 "Quels sont les coûts d’exploitation et de maintenance, l’Opex ?",
                 "Un montant par ligne, avec son unité et ses conditions."),
                ("roi", "Retour sur investissement", "Payback", "list",
                 "Quel est le temps de retour sur investissement, en années ?",
                 "Une durée par ligne, avec ses conditions et les aides comptées."),
                ("cobenefices", "Co-bénéfices", "Co-benefits", "list",
                 "Quels sont les co-bénéfices : confort, bruit, fiabilité, image, santé ?",
                 "Un co-bénéfice par ligne."),
            ],
        ),
        (
            "leviers", "body", "🛠️", "Leviers associés", "Related levers",
            [
                ("leviers", "Leviers associés", "Related levers", "list",
                 "Quelles autres actions ou solutions associer pour renforcer le gain ?",
                 "Un levier par ligne."),
            ],
        ),
        (
            "parcours", "body", "🚀", "Parcours de mise en œuvre", "Path of implementation",
            [
                ("diagnostic", "Diagnostic initial", "Initial diagnosis", "steps",
                 "Comment faire le diagnostic initial, que mesurer avant le projet ?",
                 "Une étape par ligne."),
                ("dimensionnement", "Dimensionnement", "Sizing", "steps",
                 "Comment dimensionner l’installation ?", "Une règle ou une étape par ligne."),
                ("installation", "Installation", "Installation", "steps",
                 "Comment se déroulent l’installation et la mise en service ?",
                 "Une étape par ligne."),
                ("suivi", "Suivi", "Follow-up", "steps",
                 "Comment suivre la performance, avec quels compteurs et quels indicateurs ?",
                 "Un indicateur ou une action de suivi par ligne."),
            ],
        ),
        (
            "risques", "body", "⚠️", "Risques / freins & solutions", "Risks and answers",
            [
                ("risques", "Risques et parades", "Risks and answers", "table",
                 "Quels sont les risques et les freins, et quelles parades ou solutions ?",
                 "Un risque et sa parade par ligne.",
                 {"columns": ["Risque ou frein", "Parade"]}),
            ],
        ),
        (
            "exemples", "body", "📚", "Exemples & cas d’usage", "Examples & use cases",
            [
                ("exemples", "Exemples", "Examples", "table",
                 "Quels exemples, retours d’expérience ou cas d’usage chiffrés ?",
                 "Un exemple par ligne.", {"columns": ["Secteur", "Résumé", "Lien"]}),
            ],
        ),
        (
            "ressources", "body", "🧰", "Ressources & outils", "Resources & tools",
            [
                ("ressources", "Ressources", "Resources", "table",
                 "Quels guides, fiches, normes, aides ou outils consulter ?",
                 "Une ressource par ligne.", {"columns": ["Titre", "Type", "Lien"]}),
            ],
        ),
        ("metadonnees", "computed", "🏷️", "Métadonnées & contribution", "Metadata", []),
    ],
}  # fmt: skip

SECTEUR: dict[str, Any] = {
    "key": "secteur",
    "name_fr": "Secteur",
    "name_en": "Sector",
    "plural_fr": "Secteurs",
    "plural_en": "Sectors",
    "description_fr": "Une branche d’activité, ses émissions et son parcours de décarbonation.",
    "description_en": "A branch of activity, its emissions and its path of decarbonisation.",
    "order": 2,
    "sections": [
        (
            "fiche", "header", "", "Fiche d’identité", "Identity",
            [
                ("sous_secteurs", "Sous-secteurs", "Sub-sectors", "value",
                 "Quels sous-secteurs composent le secteur ?", "Les sous-secteurs, avec virgules."),
                ("taille", "Taille d’entreprise typique", "Typical company size", "value",
                 "Quelle est la taille typique des entreprises du secteur ?",
                 "TPE, PME, ETI ou GE, seules ou ensemble."),
            ],
        ),
        (
            "description", "body", "🧭", "Description synthétique du secteur",
            "The sector in short",
            [
                ("activites", "Activités", "Activities", "text",
                 "Quelles sont les activités du secteur ?", "Deux à quatre phrases."),
                ("sites", "Types de sites", "Kinds of site", "list",
                 "Quels types de sites et d’usines compte le secteur ?", "Un type par ligne."),
                ("contraintes", "Contraintes métier", "Constraints of the trade", "list",
                 "Quelles contraintes métier, d’hygiène, de qualité ou de production ?",
                 "Une contrainte par ligne."),
            ],
        ),
        (
            "profil", "body", "📊", "Profil d’émissions & consommations",
            "Profile of emissions & consumption",
            [
                ("procedes", "Procédés", "Processes", "list",
                 "Quelle part des consommations et des émissions vient des procédés ?",
                 "Une valeur par ligne, avec la part en pourcentage quand elle est donnée."),
                ("utilites", "Utilités", "Utilities", "list",
                 "Quelle part vient des utilités : vapeur, froid, air comprimé, eau chaude ?",
                 "Une valeur par ligne, avec la part en pourcentage quand elle est donnée."),
                ("batiment", "Bâtiment", "Buildings", "list",
                 "Quelle part vient des bâtiments : chauffage, éclairage, ventilation ?",
                 "Une valeur par ligne, avec la part en pourcentage quand elle est donnée."),
                ("deplacements", "Déplacements", "Transport", "list",
                 "Quelle part vient du transport, de la collecte et des déplacements ?",
                 "Une valeur par ligne, avec la part en pourcentage quand elle est donnée."),
                ("dechets", "Déchets", "Waste", "list",
                 "Quelle part vient des déchets, des effluents et des coproduits ?",
                 "Une valeur par ligne, avec la part en pourcentage quand elle est donnée."),
            ],
        ),
        (
            "enjeux", "body", "🎯", "Enjeux & priorités climatiques", "Stakes & priorities",
            [
                ("enjeux", "Enjeux", "Stakes", "list",
                 "Quels sont les enjeux climatiques et les priorités du secteur ?",
                 "Un enjeu par ligne : son titre, puis sa description."),
                ("reglementations", "Réglementations clés", "Key regulations", "list",
                 "Quelles réglementations, directives, décrets ou obligations s’appliquent ?",
                 "Un texte par ligne, avec ce qu’il impose et à qui."),
            ],
        ),
        (
            "systemes", "body", "🧩", "Systèmes & solutions clés", "Key systems & solutions",
            [
                ("systemes", "Systèmes et solutions", "Systems and solutions", "table",
                 "Quels systèmes ont quel impact et quelle priorité, avec quelles solutions ?",
                 "Un système par ligne ; impact faible, moyen ou fort ; priorité de 1 à 5.",
                 {"columns": ["Système", "Impact", "Priorité", "Solutions associées"]}),
            ],
        ),
        (
            "parcours", "body", "🚀", "Parcours sectoriel recommandé", "Recommended path",
            [
                ("quick_wins", "Quick wins (< 3 mois)", "Quick wins (< 3 months)", "list",
                 "Quelles actions rapides, à gain immédiat, en moins de 3 mois ?",
                 "Une action par ligne."),
                ("optimisations", "Optimisations (3–12 mois)", "Optimisations (3–12 months)",
                 "list", "Quelles optimisations mener entre 3 et 12 mois ?",
                 "Une action par ligne."),
                ("investissements", "Investissements structurants", "Structural investments",
                 "list", "Quels investissements structurants à plus long terme ?",
                 "Un investissement par ligne."),
                ("nouvelles_energies", "Nouvelles énergies / changement de combustible",
                 "New energies / fuel switch", "list",
                 "Quelles énergies renouvelables ou quel changement de combustible ?",
                 "Une énergie ou un changement par ligne."),
                ("management", "Management & pilotage", "Management & steering", "list",
                 "Quel management de l’énergie, quel pilotage, quels indicateurs ?",
                 "Une action par ligne."),
            ],
        ),
        (
            "cas", "body", "📚", "Cas d’usage sectoriels", "Use cases of the sector",
            [
                ("cas", "Cas d’usage", "Use cases", "table",
                 "Quels cas d’usage du secteur, avec quelles actions et quels résultats ?",
                 "Un cas par ligne.",
                 {"columns": ["Sous-secteur", "Actions", "Résultats", "Lien"]}),
            ],
        ),
        (
            "ressources", "body", "🧰", "Ressources sectorielles", "Resources of the sector",
            [
                ("ressources", "Ressources", "Resources", "table",
                 "Quels guides, études, normes ou organismes du secteur consulter ?",
                 "Une ressource par ligne.", {"columns": ["Titre", "Type", "Lien"]}),
            ],
        ),
        ("metadonnees", "computed", "🏷️", "Métadonnées", "Metadata", []),
    ],
}  # fmt: skip


def seed(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for definition in (SOLUTION, SECTEUR):
        values = {k: v for k, v in definition.items() if k not in ("key", "sections")}
        sheet_type = apps.get_model("sheets", "SheetType").objects.create(
            key=definition["key"], **values
        )
        for order, section in enumerate(definition["sections"]):
            seed_section(apps, sheet_type, order, *section)


def seed_section(
    apps: Apps,
    sheet_type: Any,
    order: int,
    key: str,
    role: str,
    emoji: str,
    heading_fr: str,
    heading_en: str,
    fields: list[Any],
) -> None:
    section = apps.get_model("sheets", "Section").objects.create(
        sheet_type=sheet_type,
        key=key,
        order=order,
        role=role,
        emoji=emoji,
        heading_fr=heading_fr,
        heading_en=heading_en,
    )
    model = apps.get_model("sheets", "Field")
    for position, (field_key, fr, en, shape, question, instruction, *extra) in enumerate(fields):
        model.objects.create(
            section=section,
            key=field_key,
            order=position,
            heading_fr=fr,
            heading_en=en,
            shape=shape,
            question=question,
            instruction=instruction,
            **(extra[0] if extra else {}),
        )


def unseed(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("sheets", "SheetType").objects.filter(
        key__in=(SOLUTION["key"], SECTEUR["key"])
    ).delete()


class Migration(migrations.Migration):
    dependencies = [("sheets", "0002_revision_guards")]
    operations = [migrations.RunPython(seed, unseed)]
