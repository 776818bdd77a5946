// A file of its own, because pages may not run scripts that are written into them.
SwaggerUIBundle(JSON.parse(document.getElementById("settings").textContent));
