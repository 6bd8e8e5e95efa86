namespace Notifier.Access;

/// <summary>
/// Cookies tell who a visitor is only together with where its page is from: a browser sends them along for every page in the world, and one
/// that may connect from anywhere would listen in the visitor's name.
/// </summary>
internal static class CookieRules
{
    public static OptionErrors Cookies(this OptionErrors errors, AccessOptions options)
    {
        string[] readers = [
            .. options.Callback.IsEnabled ? ["Access:Callback:Url"] : Array.Empty<string>(),
            .. options.Tokens.Cookie.Length > 0 ? ["Access:Tokens:Cookie"] : Array.Empty<string>()];
        for (var i = 0; i < options.AllowedOrigins.Length && readers.Length > 0; i++)
        {
            errors.Must(
                options.AllowedOrigins[i] is not ("*" or "null"),
                $"Access:AllowedOrigins:{i} is \"{options.AllowedOrigins[i]}\", so that any site could connect with its visitors' cookies, "
                + $"which {string.Join(" and ", readers)} looks at; list the origins of your own pages.");
        }
        return errors;
    }
}
