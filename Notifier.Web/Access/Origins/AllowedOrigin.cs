namespace Notifier.Access.Origins;

/// <summary>One entry of <c>Access:AllowedOrigins</c>: an origin, all subdomains of a host, or all origins. Immutable.</summary>
internal sealed class AllowedOrigin
{
    /// <summary>The valid entries, for error messages.</summary>
    public const string Allowed =
        "an origin such as https://app.example.com or capacitor://localhost, https://*.example.com for all its subdomains, null, "
        + "or * is allowed";

    private const string AnySubdomain = "*.";

    private readonly Origin? origin;
    private readonly string? suffix;

    /// <param name="origin">Null allows all origins.</param>
    /// <param name="hasWildcard">Whether the subdomains of the host are allowed, and not the host itself.</param>
    private AllowedOrigin(Origin? origin, bool hasWildcard)
    {
        this.origin = origin;
        suffix = hasWildcard ? "." + origin!.Host : null;
    }

    /// <returns>Null if the entry is invalid; <paramref name="error"/> says why.</returns>
    public static AllowedOrigin? Parse(string entry, out string error)
    {
        error = "";
        if (entry == "*")
            return new AllowedOrigin(null, hasWildcard: false);
        var host = entry.IndexOf("://", StringComparison.Ordinal) + 3;
        var hasWildcard = host > 2 && entry.AsSpan(host).StartsWith(AnySubdomain);
        if (Origin.Parse(hasWildcard ? entry.Remove(host, AnySubdomain.Length) : entry) is not { } origin)
            error = entry.EndsWith('/') ? $"remove the slash at the end; {Allowed}" : Allowed;
        else if (hasWildcard && !(origin.IsWeb && origin.Host.TrimEnd('.').Contains('.', StringComparison.Ordinal)))
            error = $"*. stands for the subdomains of an http or https host with a dot in its name; {Allowed}";
        else
            return new AllowedOrigin(origin, hasWildcard);
        return null;
    }

    public bool Contains(Origin page)
    {
        if (origin is null)
            return true;
        if (suffix is null)
            return page == origin;
        return page.Scheme == origin.Scheme && page.Port == origin.Port && page.Host.EndsWith(suffix, StringComparison.Ordinal);
    }
}
