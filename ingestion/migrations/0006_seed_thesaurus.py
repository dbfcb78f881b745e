"""Seed the thesaurus: the acronyms and the everyday words of the field, as editable rows."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

THESAURUS = """
PAC | pompe à chaleur | thermopompe | heat pump
ECS | eau chaude sanitaire
GTB | gestion technique du bâtiment | BMS
GTC | gestion technique centralisée
CVC | chauffage ventilation climatisation | HVAC
BACS | décret BACS | système d’automatisation et de contrôle des bâtiments
EnR&R | EnR | énergies renouvelables | énergies renouvelables et de récupération
HFC | hydrofluorocarbure
COP | coefficient de performance
SCOP | coefficient de performance saisonnier
VEV | variateur électronique de vitesse | variateur de vitesse | variation de vitesse | VSD
LED | diode électroluminescente | luminaire à diodes
GES | gaz à effet de serre
MDE | maîtrise de la demande en énergie | maîtrise de l’énergie
IPE | indicateur de performance énergétique
CEE | certificat d’économies d’énergie
SME | SMÉ | système de management de l’énergie | ISO 50001
CTA | centrale de traitement d’air
VMC | ventilation mécanique contrôlée
CO2 | dioxyde de carbone | gaz carbonique
CH4 | méthane
N2O | protoxyde d’azote
NH3 | ammoniac | R717
SF6 | hexafluorure de soufre
R744 | CO2 supercritique
CPE | contrat de performance énergétique
DPE | diagnostic de performance énergétique
PV | photovoltaïque | panneau solaire
ROI | TRI | retour sur investissement | temps de retour
Capex | coût d’investissement | dépense d’investissement
Opex | coût d’exploitation | dépense d’exploitation
BEGES | bilan GES | bilan des émissions de gaz à effet de serre | bilan carbone
FE | facteur d’émission
ACV | analyse du cycle de vie
CCS | CSC | captage et stockage du carbone | captage et stockage du CO2
CCUS | CCU | captage et valorisation du CO2 | captage du CO2
SNBC | stratégie nationale bas-carbone
PPA | contrat d’achat d’électricité
GNV | gaz naturel pour véhicules
GNL | gaz naturel liquéfié
GPL | gaz de pétrole liquéfié
CSR | combustible solide de récupération
UVE | unité de valorisation énergétique | incinérateur
RCU | réseau de chaleur | chauffage urbain
ORC | cycle organique de Rankine
RMV | CMV | recompression mécanique de vapeur | compression mécanique de vapeur
VE | véhicule électrique | voiture électrique
PL | poids lourd | camion
IAA | agroalimentaire | industrie agroalimentaire
PME | petite et moyenne entreprise
ETI | entreprise de taille intermédiaire
TPE | très petite entreprise
chaleur fatale | chaleur perdue | chaleur de récupération
air comprimé | compresseur d’air
froid industriel | réfrigération | groupe froid | production de froid
isolation | calorifuge | calorifugeage
frigoporteur | fluide frigoporteur | eau glacée
chaudière | générateur de vapeur
laiterie | industrie laitière | produits laitiers
échangeur | échangeur de chaleur
éclairage | luminaire
sobriété | économie d’énergie
"""


def rows() -> list[list[str]]:
    """Return the terms of each line."""
    return [line.split(" | ") for line in THESAURUS.strip().splitlines()]


def seed(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    synonyms = apps.get_model("ingestion", "Synonyms").objects
    for terms in rows():
        if not synonyms.filter(terms__contains=terms[:1]).exists():
            synonyms.create(terms=terms)


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0005_read_lexemes")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
