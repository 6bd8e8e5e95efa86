namespace Notifier.Access;

/// <summary>
/// What can identify a caller and grant names, besides <c>Access:Anonymous</c>. A new source begins here: then the compiler asks the questions
/// below about it, and GrantSourceTests name the pages that must describe it. Its requests come in through the <see cref="Authenticator"/>.
/// </summary>
internal enum GrantSource
{
    ApiKeys,
    Callback,
    Tokens,
}

internal static class GrantSources
{
    public static IReadOnlyList<GrantSource> All { get; } = Enum.GetValues<GrantSource>();

    /// <summary>Whether the configuration turns the source on.</summary>
    public static bool IsEnabled(this GrantSource source, AccessOptions access) => source switch
    {
        GrantSource.ApiKeys => access.ApiKeys.Length > 0,
        GrantSource.Callback => access.Callback.IsEnabled,
        GrantSource.Tokens => access.Tokens.IsEnabled,
    };

    /// <summary>The setting because of which the source reads the cookies of browsers; null if it reads none. See <see cref="CookieValidation"/>.</summary>
    public static string? CookieSetting(this GrantSource source, AccessOptions access) => source switch
    {
        GrantSource.ApiKeys => null,
        GrantSource.Callback => access.Callback.IsEnabled ? "Access:Callback:Url" : null,
        GrantSource.Tokens => access.Tokens.Cookie.Length > 0 ? "Access:Tokens:Cookie" : null,
    };
}
