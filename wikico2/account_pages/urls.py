"""URLs of accounts: signing in, one's own account, the list of people."""

from django.urls import path

from wikico2.account_pages import entry, notifications, organisation, own, people, second_factor

urlpatterns = [
    path("compte/connexion/", entry.SignInView.as_view(), name="login"),
    path("compte/connexion/code/", second_factor.second_factor, name="second_factor"),
    path(
        "compte/second-facteur/",
        second_factor.second_factor_settings,
        name="second_factor_settings",
    ),
    path(
        "compte/organisation/",
        organisation.organisation_sign_in,
        {"provider_id": organisation.PROVIDER},
        name="openid_connect_login",
    ),
    path(
        "compte/organisation/retour/",
        organisation.organisation_return,
        {"provider_id": organisation.PROVIDER},
        name="openid_connect_callback",
    ),
    path("compte/invitation/<str:signed>/", entry.invitation, name="invitation"),
    path("compte/oubli/", entry.forgotten_password, name="password_reset"),
    path("compte/oubli/envoye/", entry.forgotten_password_sent, name="password_reset_done"),
    path(
        "compte/oubli/<str:uidb64>/<str:token>/",
        entry.NewPasswordView.as_view(),
        name="password_reset_confirm",
    ),
    path("compte/", own.account, name="account"),
    path("compte/mot-de-passe/", own.OwnPasswordView.as_view(), name="password_change"),
    path("compte/adresse/", own.address_change, name="address_change"),
    path("compte/adresse/<str:signed>/", own.address_confirm, name="address_confirm"),
    path("compte/sessions/", own.sessions_end, name="sessions_end"),
    path("notifications/", notifications.notification_list, name="notifications"),
    path("notifications/<int:pk>/", notifications.notification_open, name="notification"),
    path("personnes/", people.people_list, name="people"),
    path("personnes/inviter/", people.person_invite, name="person_invite"),
    path("personnes/<int:pk>/", people.person_detail, name="person"),
]
