"""The expressions by which a text answers a kind of question: costs, risks, conditions… Pure.

A field is recognised by the words of its heading, or else of its question, so that fields that
people add to a template are served like the seeded ones.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from sheets.schema.types import FieldBrief
from wikico2.text.normalize import fold_text

ASKS_EXAMPLES = re.compile(r"exemple|cas d'usage")
"""What asks for examples, in folded text; they have the names of places, people or sites."""
PROPER_NAME = re.compile(r"(?<=[a-zà-ÿ,’'(»] )(?:[dlDL][’'])?[A-ZÉÈÀ][a-zà-ÿ]{3,}")


@dataclass(frozen=True)
class AnswerKind:
    """A kind of question: the words that ask it, and the expressions of its answers.

    All are regular expressions on folded text. `strong` expressions name the matter itself,
    `weak` ones are usual in answers but occur elsewhere too.
    """

    asked: re.Pattern[str]
    strong: re.Pattern[str]
    weak: re.Pattern[str] | None = None


def _kind(asked: str, strong: str, weak: str = "") -> AnswerKind:
    def compiled(words: str) -> re.Pattern[str]:
        return re.compile(rf"(?<![a-z0-9])(?:{words})")

    return AnswerKind(compiled(asked), compiled(strong), compiled(weak) if weak else None)


KINDS = (
    _kind(
        "capex|cout d'investissement|investissement initial|cout typique",
        r"(?:couts?|montants?|depenses?|frais) (?:\w+ ){0,3}(?:investissement|raccordement|"
        r"travaux|construction|installation|creation|pose|fourniture)|invest(?:i|ir|issements?)?\b|"
        r"annuit\w+|emprunt\w*|prets?\b|eco-ptz|a la charge|par logement|"
        r"capex|droits? de raccordement|subventions?\b|coute|primes? |plafonn|"
        r"aides? (?:financieres?|de l)|financements?\b|budget",
        r"couts?\b|couteu\w+|prix\b|[€]|euros?\b|ht\b|ttc\b|financ\w+|aides?\b|surcouts?\b|"
        r"plus (?:eleve|cher)\w*|gratuit\w*|economies?\b|depens\w+",
    ),
    _kind(
        "opex|couts? d'exploitation",
        r"(?:couts?|frais|charges?|depenses?) (?:\w+ ){0,3}(?:exploitation|maintenance|entretien|"
        r"fonctionnement|chauffage|gestion)|opex|part (?:fixe|variable)|abonnements?\b|"
        r"factur\w+|tarif\w*|prix (?:moyen|de (?:la chaleur|l'energie|vente|"
        r"l'electricite|marche)|du|des|retenu|hors)|redevances?|r1\b|r2\b|p1\b|"
        r"p2\b|p3\b|tva\b",
        r"maintenance|entretien|exploitation|charges?\b|couts?\b|prix\b|[€]|euros?\b|/an\b|taxes?\b|"
        r"/mwh|/kwh|consommation|combustibles?\b|indexation|contrat\w*|annuel\w*",
    ),
    _kind(
        "retour sur investissement|temps de retour|payback|rentabilite",
        r"temps de retour|retours? sur investissement|amorti\w*|rentab\w+|tri\b|van\b|"
        r"rembours\w+|payback",
    ),
    _kind(
        "a eviter|deconseille",
        r"deconseill\w*|a eviter|a proscrire|(?:ne|n')\s?\w+ (?:pas|plus)(?: \w+)? (?:adapte|"
        r"pertinent|recommand|possible|rentable|souhaitable|compatible|envisageable|justifi)\w*|"
        r"ne convien\w+|inadapte\w*|incompatib\w+|impossib\w+|defavorable\w*|interdi\w+|"
        r"non (?:adapte|pertinent|rentable|compatible|eligible)\w*|trop (?:loin|eloigne|couteu|"
        r"faible|important)\w*|derogation\w*|exclu(?:e|s|es|t|ent)?\b|proscri\w+",
        r"eviter|difficile\w*|limite\w*|insuffisan\w+|couteu\w+|sauf|ne (?:peut|peuvent|doit|"
        r"doivent) (?:pas|etre)|lourd\w*|penali\w+",
    ),
    _kind(
        "pertinent|recommandee? quand|dans quels cas",
        r"pertinen\w+|recommand\w+|conseill\w+|favorable\w*|opportun\w*|est adapte\w*|"
        r"convien\w+|interessan\w*|eligib\w+|rentable\w*|compatib\w+|avantageu\w+|"
        r"d'autant plus|prioritaire\w*|privilegi\w+",
        r"lorsqu\w*|a condition|dans le cas|si l[ea']|si les|quand|des lors que|facil\w+|"
        r"deja\b|la plus|existant\w*|seuil\w*|premiere approche|"
        r"situe\w*|proximite|dote\w* d",
    ),
    _kind(
        "n'inclut pas|n'est pas inclus|hors du perimetre|hors perimetre",
        r"n'inclu\w+ pas|non (?:inclus|compris|pris|comptabilise)\w*|ne (?:comprend|comprennent|"
        r"fait|font|sont|prend|prennent|concerne|concernent|couvre|couvrent|comporte)\w* pas|"
        r"hors (?!tax|d'eau|sol)\w+|exclu(?:t|e|s|es|ent|ant|re)?\b|a l'exception|"
        r"n'est pas (?:inclus|compris|pris|gere|traite)\w*|n'(?:ont|a) pas ete|exclusion\w*",
        r"sauf|en dehors|sans\b|uniquement|limite\w* a",
    ),
    _kind(
        "inclut|que comprend|perimetre",
        r"compren(?:d|nent|ant)|inclu(?:t|ent|ant|s|es|e)?\b|compose\w* d|constitue\w* d|"
        r"comporte\w*|est forme\w* d|fai(?:t|sant) partie|font partie|y compris|perimetre\w*",
        r"equipement\w*|element\w*|installation\w*|poste\w*|ensemble d|valeurs? (?:a|minimales)|"
        r"livrables?\b|tien\w+ compte|pri(?:s|ses?) en compte|description d",
    ),
    _kind(
        "prerequis|conditions? prealables?",
        r"prerequis|prealabl\w+|necessaires?\b|necessit\w+|obligat\w+|majorite|indispensable\w*|"
        r"requis\w*|il faut|autorisations?\b|assemblee generale|vote\w*|eligib\w+|"
        r"conditions? d|exig\w+|permis d|suppose\w*|doi(?:t|vent) (?:\w+ )?(?:etre|avoir|"
        r"disposer|obtenir|realiser|signer)",
        r"doi(?:t|vent)\b|condition\w*|accord|contrat\w*|existence|reglement\w*|loi\b|article|"
        r"minim\w+|au moins|reserve\w*|a l'aide d|bureaux? d'etudes?|compatib\w+|conform\w+",
    ),
    _kind(
        "principe|comment fonctionne|fonctionnement",
        r"fonctionn\w+|principe\w*|consist\w+|est un(?:e)? (?:systeme|methode|dispositif|"
        r"ensemble|technique|demarche|outil|processus|ouvrage)|circul\w+|transport\w+|"
        r"se compose|est compose\w*|s'agit d|defini\w+",
        r"permet\w*|echange\w*|produi\w+|transfer\w+|alimente\w*|distribu\w+|utilis\w+|repos\w+",
    ),
    _kind(
        "variante|configurations? possible",
        r"variantes?\b|configurations?\b|alternativ\w+|plusieurs (?:types?|options?|solutions?|"
        r"modes?|possibilites|niveaux)|types? d|peu(?:t|vent) (?:egalement |aussi )?etre|"
        r"options?\b|differents? (?:types?|modes?|niveaux)|soit\b",
        r"selon\b|ou bien|categorie\w*|mode\w*|egalement|niveau\w*|par exemple|cas de",
    ),
    _kind(
        "contrainte",
        r"contraint\w+|impos\w+|exig\w+|obligat\w+|encombrement|ne doi(?:t|vent)|au moins|"
        r"au minimum|au maximum|minimal\w*|maximal\w*|limit\w+|interdi\w+|respect\w+|"
        r"normes?\b|hauteur|profondeur|distance|majorite|necessit\w+|locaux|local\b",
        r"doi(?:t|vent)\b|espace\w*|place\b|surface|acces\w*|temperature\w*|pression|reglement\w*|"
        r"inferieur\w*|superieur\w*|jusqu'a|strict\w*|condition\w*|vigilan\w+|prevoir",
    ),
    _kind(
        r"energie\b|economies? d'energie",
        r"(?:econom|gain|redui|reduction|baiss|diminu)\w* (?:\S+ ){0,6}(?:energ|consomm|kwh|mwh|"
        r"facture|%)\w*|(?:energ|consomm)\w* (?:\S+ ){0,8}(?:econom|gain|redui|baiss|diminu)\w*|"
        r"rendement\w*|efficacite energetique",
        r"consomm\w+|[kmg]wh|%|energ\w+|besoin\w*|performance\w*|cop\b|scop\b|renouvelable\w*",
    ),
    _kind(
        "co2|emissions? de gaz|carbone",
        r"co2\w*|carbone|gaz a effet de serre|ges\b|emissions?\b|decarbon\w+|tco2e?",
        r"climat\w*|fossile\w*|empreinte",
    ),
    _kind(
        "co-benefice|cobenefice",
        r"avantag\w+|benefi\w+|confort\w*|bruit\w*|nuisance\w*|fiab\w+|image\b|sante|"
        r"securit\w+|biodiversite|ilots? de|emplois?\b|gain de place|qualite de (?:l'air|vie|"
        r"l'eau)|valeur (?:patrimonial|verte|du)\w*|esthet\w+|attractiv\w+|cadre de vie|"
        r"stab(?:le|ilite)\w*|tranquillite|simplifi\w+|atout\w*",
        r"amelior\w+|supprim\w+|libere\w*|permet\w*|absence d|facilit\w+|independan\w+|reduit",
    ),
    _kind(
        "leviers? associe|autres actions",
        r"leviers?\b|complement\w*|associ\w+|coupl\w+|combin\w+|en parallele|simultane\w*|"
        r"profit\w+|renovation|isolation|regulation|equilibrage|desembou\w+|sobriete|"
        r"calorifug\w+|accompagn\w+|actions?\b",
        r"egalement|solution\w*|optimis\w+|amelior\w+|mesures?\b|demarches?\b|compatib\w+|plan d",
    ),
    _kind(
        "diagnostic|etat des lieux",
        r"diagnosti\w+|audits?\b|etudes? (?:de|d'|prealable|technic|technique|initial)\w*|"
        r"etat des lieux|faisab\w+|recens\w+|inventaire\w*|collecte\w*|estimation\w*|"
        r"cartograph\w+|etat initial|renseign\w+",
        r"mesur\w+|analys\w+|identifi\w+|verifi\w+|evalu\w+|estim\w+|prealabl\w+|connaitre|"
        r"factures?\b|inventori\w+|reper\w+|potentiel\w*|bureaux? d'etudes?|"
        r"donnees?\b|etud\w+|simul\w+",
    ),
    _kind(
        "dimensionne",
        r"dimension\w+|puissances?\b|surdimension\w+|calcul\w*|ratios?\b|formule\w*|"
        r"coefficients?\b|debits?\b|capacites?\b|seuils?\b|hypotheses?\b|facteurs? de|"
        r"distances?\b|longueurs?\b|rapport entre|valeurs? par defaut|surfaces? (?:a|de|reelle)|"
        r"ponder\w+|majoration|equivalence\w*|correcti\w+|taux de",
        r"besoins?\b|[km]w\b|surface\w*|volume\w*|taille|m2\b|m3\b|pente\w*|profondeur|"
        r"multipli\w+|somme|estim\w+|exemple de calcul|=|[x×*] ?\d",
    ),
    _kind(
        "installation|mise en service|mise en oeuvre",
        r"mise en (?:service|oeuvre|place)|travaux|chantiers?\b|poses?\b|etapes?\b|reception|"
        r"planning|calendrier|delais?\b|realis\w+|install\w+|raccord\w+|pilotes?\b|equipe\w*",
        r"phases?\b|sign(?:er|e|ature)\b|maitre d|contrat\w*|valid\w+|vote\w*|entreprises?\b|"
        r"reunions?\b|autorisations?\b|demarches?\b|restitu\w+",
    ),
    _kind(
        "suivi|suivre la performance",
        r"suivi\w*|suivre|compteurs?\b|comptage\w*|indicateurs?\b|tableaux? de bord|"
        r"surveill\w+|telereleve\w*|historique\w*|temps reel|evolution des|releve\w*|"
        r"amelioration continue|bilans? annuel\w*|"
        r"mise a jour|actualis\w+|sous-station\w* (?:\S+ ){0,6}compteur",
        r"control\w+|mesur\w+|performance\w*|entretien|pilot\w+|verifi\w+|annuel\w*|periodi\w+|"
        r"consommations?\b|regul\w+|objectifs? de|progress\w+|reunions?\b",
    ),
    _kind(
        "risque|freins? ",
        r"risqu\w+|freins?\b|difficult\w+|reticen\w+|inconvenient\w*|crain\w+|obstacle\w*|"
        r"problem\w+|defaillan\w+|fuites?\b|pannes?\b|incertitud\w+|vigilance|attention|danger\w*|"
        r"limites? d|double compt\w+|erreur\w*|garantie\w*|penali\w+|pollu\w+|colmat\w+|"
        r"incomprehension\w*|tensions?\b|conflits?\b|litiges?\b|pertes? d|manque d|absence d|"
        r"insuffisan\w+|degrad\w+|corros\w+|retards?\b|oppos\w+|contest\w+|surcouts?\b|"
        r"ne (?:remplace|garantit|permet|tient|suffi)\w* pas|deriv\w+|sinistre\w*|accident\w*|"
        r"dependan\w+|vulnerab\w+|inquietud\w+|mefian\w+|alea\w*|nuisances?\b|desavantage\w*",
        r"limit\w+|eviter|toutefois|cependant|mais\b|maintenance|rupture|secours|recours|"
        r"variab\w+|lourd\w*|parfois|couteu\w+|impossib\w+|difficil\w+|sentiment|pallier|anticip\w+",
    ),
    _kind(
        "exemple|retours? d'experience|cas d'usage",
        r"exemples?\b|retours? d'experience\w*|cas d(?:'|e |u )|temoign\w+|experiment\w+|"
        r"illustr\w+|etudes? de cas|ville de|commune d|metropole|copropriete \w+ a",
        r"a ete|ont ete|notamment|en 20\d\d|a permis",
    ),
    _kind(
        "ressources|guides, |outils? consulter",
        r"guides?\b|https?|www\.|\w+\.(?:fr|org|gouv)\b|fiches?\b|normes?\b|nf |iso\b|ademe|"
        r"cerema|plateforme\w*|simulateur\w*|outils?\b|bases? (?:carbone|empreinte|de donnees)|"
        r"telecharg\w+|references?\b|bibliograph\w+|en savoir plus|logiciel\w*|tableurs?\b|"
        r"aides?\b|primes?\b|fonds chaleur|subvention\w*",
        r"consult\w+|site\b|documents?\b|methode\w*|formation\w*|association\w*|decret|article",
    ),
    _kind(
        "objectif",
        r"objectifs?\b|vis(?:e|ent|ant)\b|ambition\w*|finalite\w*|a pour but|enjeux?\b|"
        r"afin (?:de|d'|que)|contribu\w+",
        r"permet\w*|pour (?:reduire|limiter|ameliorer|atteindre)|aid(?:e|er|ent)\b|destine\w*|"
        r"evaluer|comparer|fournir|eviter|reduire|limiter|favoris\w+|priorite\w*|but\b",
    ),
    _kind(
        "types? de sites?|sites concernes",
        r"sites?\b|batiments?\b|immeubles?\b|usines?\b|logements?\b|coproprietes?\b|tertiaires?|"
        r"industri\w+|hopita\w+|bureaux\b|ecoles?\b|etablissements?\b|maisons?\b|residentiel\w*|"
        r"communes?\b|collectivites?\b|entreprises?\b|associations?\b|organisations?\b|zones?\b",
        r"concern\w+|destine\w*|s'adress\w+|surface|usagers?\b|projets?\b",
    ),
    _kind(
        "reglementation|obligations s'appliquent",
        r"lois?\b|decrets?\b|arretes?\b|articles? [lrd]?\.?\s?\d|directives?\b|reglement\w+|"
        r"codes? d|obligat\w+|normes?\b|rt ?20\d\d|re ?2020",
        r"impos\w+|exig\w+|interdi\w+|conform\w+",
    ),
    _kind(
        "maturite",
        r"trl\b|matur\w+|eprouve\w*|emergent\w*|en developpement|pilote\w*|prototype\w*|"
        r"experimental\w*|largement (?:repandu|deploye|diffuse)\w*|repandu\w*",
    ),
    _kind(
        "complexite",
        r"complex\w+|simpl\w+|facile\w*|lourd\w*|difficil\w+|aise\w*|expert\w*",
    ),
)


@lru_cache(maxsize=512)
def answer_kinds(field: FieldBrief) -> tuple[AnswerKind, ...]:
    """Return the kinds that a field asks for: by its heading, else by its question."""
    for text in (field.heading, field.question):
        asked = fold_text(text).replace("₂", "2")
        if found := tuple(kind for kind in KINDS if kind.asked.search(asked)):
            return found[:2]
    return ()
