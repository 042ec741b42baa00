// The address for which a sign-in was asked: an identity provider sends the browser back to the start page.
const RETURN_KEY = "antler.return"; // in the session storage: address and time, until the sign-in
const RETURN_MILLISECONDS = 30 * 60 * 1000;

export default function ({ data }) {
  try {
    if (data.isSignedIn) restoreAddress();
    else keepAddress(data.ignored);
  } catch {
    // Without a session storage, the start page is shown.
  }
}

const keepAddress = (ignored) => {
  const { pathname, searchParams } = new URL(location.href);
  ignored.forEach((name) => searchParams.delete(name));
  const query = searchParams.toString();
  sessionStorage.setItem(RETURN_KEY, JSON.stringify([query ? `${pathname}?${query}` : pathname, Date.now()]));
};

const restoreAddress = () => {
  const [address, time] = JSON.parse(sessionStorage.getItem(RETURN_KEY) ?? "[]");
  sessionStorage.removeItem(RETURN_KEY);
  const isRecent = Date.now() - time < RETURN_MILLISECONDS;
  // An address with a query was opened on purpose.
  if (isRecent && !location.search && address !== location.pathname) location.replace(new URL(address, location.origin));
};
