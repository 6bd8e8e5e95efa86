namespace Notifier.Access.Origins;

/// <summary>One entry of <c>Access:AllowedOrigins</c>: an origin, all below a host, or all there are.</summary>
internal sealed class AllowedOrigin
{
    /// <summary>What an operator may write.</summary>
    public const string Allowed =
        "an origin such as https://app.example.com or capacitor://localhost, https://*.example.com for all its subdomains, null, "
        + "or * is allowed";

    private const string AnySubdomain = "*.";

    private readonly Origin? origin;
    private readonly string? suffix;

    /// <param name="origin">Null for any.</param>
    /// <param name="isBelow">Whether it is those below its host that are allowed, not itself.</param>
    private AllowedOrigin(Origin? origin, bool isBelow)
    {
        this.origin = origin;
        suffix = isBelow ? "." + origin!.Host : null;
    }

    /// <returns>Null when it is none, with what is wrong.</returns>
    public static AllowedOrigin? Parse(string entry, out string error)
    {
        error = "";
        if (entry == "*")
            return new AllowedOrigin(null, isBelow: false);
        var host = entry.IndexOf("://", StringComparison.Ordinal) + 3;
        var isBelow = host > 2 && entry.AsSpan(host).StartsWith(AnySubdomain);
        if (Origin.Parse(isBelow ? entry.Remove(host, AnySubdomain.Length) : entry) is not { } origin)
            error = entry.EndsWith('/') ? $"leave out the slash at its end; {Allowed}" : Allowed;
        else if (isBelow && !(origin.IsWeb && origin.Host.TrimEnd('.').Contains('.', StringComparison.Ordinal)))
            error = $"a * takes the place of all subdomains of a name with a dot in it, of http or https; {Allowed}";
        else
            return new AllowedOrigin(origin, isBelow);
        return null;
    }

    public bool Contains(Origin asked)
    {
        if (origin is null)
            return true;
        if (suffix is null)
            return asked == origin;
        return asked.Scheme == origin.Scheme && asked.Port == origin.Port && asked.Host.EndsWith(suffix, StringComparison.Ordinal);
    }
}
