"""Sign in with an organisation's own account, by OpenID Connect.

The way to the provider and back is that of django-allauth: code flow with PKCE and state. Here the
signature and the nonce of the identity token are checked as well, and what follows is ours: which
account is opened (`wikico2.accounts.identities`), the session, where to go on.
"""

import logging
import secrets
from collections.abc import Callable
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from requests import RequestException

from wikico2.account_pages.preferences import store_preferences
from wikico2.accounts.identities import IdentityRefused, account_of_identity
from wikico2.accounts.second_factor import SecondFactor
from wikico2.accounts.sessions import SECOND_FACTOR
from wikico2.parameters import own_address

logger = logging.getLogger(__name__)

PROVIDER = "organisation"
"""How django-allauth names the one provider."""


class IdentityAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # has no types
    """The provider of the settings; its tokens count only with a valid signature."""

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any
    ) -> SocialLogin:
        """Return the identity of the token, with what the provider's own page adds to it.

        Raises OAuth2Error where the two are not about one person.
        """
        identity = self._decode_id_token(app, kwargs["response"]["id_token"])
        claims = dict(identity)
        if self.openid_config.get("userinfo_endpoint"):
            more = self._fetch_user_info(token.token)
            if more.get("sub") != identity["sub"]:
                raise OAuth2Error("userinfo is about somebody else")
            if "email" in identity:  # an address and its confirmation are read in one place
                more = {name: more[name] for name in more.keys() - {"email", "email_verified"}}
            claims = more | identity
        return self.get_provider().sociallogin_from_response(request, {"id_token": claims})

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        """Return the claims of a token whose signature, issuer, audience and time are right."""
        issuer = self.openid_config["issuer"]
        if issuer.rstrip("/") != settings.OIDC_ISSUER:
            raise OAuth2Error("another issuer answers")
        claims: dict[str, Any] = jwtkit.verify_and_decode(
            credential=id_token,
            keys_url=self.openid_config["jwks_uri"],
            issuer=issuer,
            audience=app.client_id,
            lookup_kid=jwtkit.lookup_kid_jwk,
        )
        return claims


class OrganisationAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # has no types
    """Take the one provider from the settings, and sign in by our own rules."""

    def list_apps(self, request: Any, provider: Any = None, client_id: Any = None) -> list[Any]:
        """Return the provider of the settings, if there is one."""
        if not settings.OIDC_ISSUER:
            return []
        return [
            SocialApp(
                provider="openid_connect",
                provider_id=PROVIDER,
                name=settings.OIDC_NAME,
                client_id=settings.OIDC_CLIENT_ID,
                secret=settings.OIDC_CLIENT_SECRET,
                settings={"server_url": settings.OIDC_ISSUER, "oauth_pkce_enabled": True},
            )
        ]

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Sign in to the account of the identity; allauth's own steps are left out.

        Raises OAuth2Error for a token that answers another sign-in than this one.
        """
        claims, state = sociallogin.account.extra_data["id_token"], sociallogin.state
        if claims.get("nonce") != state["nonce"]:
            raise OAuth2Error("the token answers another sign-in")
        try:
            user = account_of_identity(claims)
        except IdentityRefused as refused:
            raise ImmediateHttpResponse(refuse(request, str(refused))) from None
        login(request, user)
        request.session[SECOND_FACTOR] = SecondFactor.ORGANISATION.value
        response = redirect(state.get("next") or "home")
        store_preferences(response, user)
        raise ImmediateHttpResponse(response)

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, exception: Any = None, **kwargs: Any
    ) -> None:
        """Lead back to the sign-in page with a sentence; the cause stands in the log."""
        if exception is not None:
            logger.warning("The organisation's answer was refused: %r", exception)
        raise ImmediateHttpResponse(
            refuse(request, _("Your organisation has not let you in. Try again, or ask there."))
        )


def refuse(request: HttpRequest, sentence: str) -> HttpResponse:
    """Lead back to the sign-in page, which says why."""
    messages.error(request, sentence)
    return redirect("login")


def ask_provider(
    request: HttpRequest, answer: Callable[[HttpRequest], HttpResponse]
) -> HttpResponse:
    """Answer with a step of allauth's; a 404 where no provider is configured."""
    if not settings.OIDC_ISSUER:
        raise Http404
    try:
        return answer(request)
    except (RequestException, OAuth2Error, LookupError, TypeError, ValueError) as error:
        # What is no answer of a provider: it cannot be reached, or its values are malformed.
        logger.warning("The organisation's sign-in does not answer: %r", error)
        return refuse(request, _("Your organisation's sign-in does not answer. Try again later."))


def lead_to_provider(request: HttpRequest) -> HttpResponse:
    """Lead to the provider; of the query only `next` counts, where allauth takes more from it."""
    nonce = secrets.token_urlsafe()
    provider = IdentityAdapter(request, PROVIDER).get_provider()
    response: HttpResponse = provider.redirect(
        request,
        AuthProcess.LOGIN,
        next_url=own_address(request, request.GET.get("next", "")),
        auth_params={"nonce": nonce},
        nonce=nonce,
    )
    return response


@never_cache
@require_safe
def organisation_sign_in(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Lead to the organisation's own sign-in page.

    On GET: under `form-action 'self'` a form could not lead off the site.
    """
    return ask_provider(request, lead_to_provider)


@never_cache
@require_safe
def organisation_return(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Sign in who comes back from the organisation's page."""
    view = OAuth2CallbackView.adapter_view(IdentityAdapter(request, PROVIDER))
    return ask_provider(request, view)
