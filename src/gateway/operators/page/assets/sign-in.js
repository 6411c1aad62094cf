// Whoever follows a link from another site comes without the cookie. A look from here brings it, if there is one.
const response = await fetch("/charts?span=quarter");
if (response.ok) location.replace(location.href);
