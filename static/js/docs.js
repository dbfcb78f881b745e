// The page of the API: Swagger UI over our own schema, with the session's CSRF token.
(() => {
  const { csrf, schema } = document.body.dataset;
  window.SwaggerUIBundle({
    url: schema,
    dom_id: "#swagger-ui",
    deepLinking: true,
    docExpansion: "none",
    presets: [window.SwaggerUIBundle.presets.apis],
    requestInterceptor: (request) => {
      if (request.method && request.method !== "GET") request.headers["X-CSRFToken"] = csrf;
      return request;
    },
  });
})();
