using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Notifier.Access.Origins;

/// <summary>
/// Where a page came from, as the browser says in the header <c>Origin</c> (RFC 6454, 6.2): scheme, host and port, or
/// <c>null</c>. Two origins are equal if a browser treats them as the same: case and default ports are normalized, and names are in
/// punycode. <see cref="ToString"/> prints only parsed parts, so it is safe to log whatever the header was. Immutable.
/// </summary>
internal sealed record Origin
{
    /// <summary>The origin of pages without one: a file on disk, a sandboxed frame.</summary>
    public static readonly Origin Null = new("", "null", port: 0);

    /// <summary>The origin of files on disk in browsers that do not send <c>null</c>.</summary>
    public static readonly Origin File = new("file", "", port: 0);

    /// <summary>A host name has at most 253 characters (RFC 1035, 2.3.4).</summary>
    private const int MaxLength = 300;

    private static readonly SearchValues<char> SchemeCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789+-.");
    private static readonly SearchValues<char> HostCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");
    private static readonly SearchValues<char> AddressCharacters = SearchValues.Create("ABCDEFabcdef0123456789:.");     // no %zone

    private static readonly IdnMapping Idn = new();

    private Origin(string scheme, string host, int port) => (Scheme, Host, Port) = (scheme, host, port);

    /// <summary>In lower case; empty for <see cref="Null"/>.</summary>
    public string Scheme { get; }

    /// <summary>A name or an IP address; IPv6 in brackets.</summary>
    public string Host { get; }

    /// <summary>Zero for no port: only http and https have a default one.</summary>
    public int Port { get; }

    /// <summary>Whether the page came from a web server (http or https).</summary>
    public bool IsWeb => DefaultPort(Scheme) != 0;

    /// <summary>Whether the page came from a web server on this machine: localhost and its subdomains, 127.0.0.0/8 and [::1].</summary>
    public bool IsLoopback => IsWeb
        && (Host == "localhost"
            || Host.EndsWith(".localhost", StringComparison.Ordinal)
            || (IPAddress.TryParse(Host, out var address) && IPAddress.IsLoopback(address)));

    /// <returns>Null if the text is not an origin, for example because it has a path or user information.</returns>
    public static Origin? Parse(string text)
    {
        if (text == "null")
            return Null;
        if (text == "file://")
            return File;
        var end = text.IndexOf("://", StringComparison.Ordinal);
        return end > 0 ? Parse(text[..end].ToLowerInvariant(), text[(end + 3)..]) : null;
    }

    /// <param name="scheme">In lower case.</param>
    /// <param name="authority">A host and an optional port, as in the header <c>Host</c>.</param>
    /// <returns>Null if the parts do not make an origin.</returns>
    public static Origin? Parse(string scheme, string authority)
    {
        if (scheme.Length + authority.Length > MaxLength)
            return null;
        var end = IndexOfPort(authority);
        var port = DefaultPort(scheme);
        if (end < authority.Length && !TryParsePort(authority.AsSpan(end + 1), out port))
            return null;
        return IsScheme(scheme) && ParseHost(authority[..end], foldCase: DefaultPort(scheme) != 0) is { } host
            ? new Origin(scheme, host, port)
            : null;
    }

    public override string ToString() => this == Null
        ? Host
        : string.Create(CultureInfo.InvariantCulture, $"{Scheme}://{Host}{(Port == DefaultPort(Scheme) ? "" : $":{Port}")}");

    private static int DefaultPort(string scheme) => scheme switch
    {
        "http" => 80,
        "https" => 443,
        _ => 0,
    };

    private static bool IsScheme(string text) =>
        text.Length > 0 && char.IsAsciiLetterLower(text[0]) && !text.AsSpan().ContainsAnyExcept(SchemeCharacters);

    /// <summary>The index of the port's colon, or the end. The colons of an IPv6 address are in brackets.</summary>
    private static int IndexOfPort(string authority)
    {
        var colon = authority.IndexOf(':', authority.LastIndexOf(']') + 1);
        return colon < 0 ? authority.Length : colon;
    }

    private static bool TryParsePort(ReadOnlySpan<char> text, out int port)
    {
        var is16Bits = ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
        port = number;
        return is16Bits && text[0] != '0';
    }

    private static string? ParseHost(string text, bool foldCase)
    {
        if (text is ['[', .. var inner, ']'])
        {
            return !inner.AsSpan().ContainsAnyExcept(AddressCharacters)
                && IPAddress.TryParse(inner, out var address)
                && address.AddressFamily == AddressFamily.InterNetworkV6
                    ? $"[{address}]"
                    : null;
        }
        var host = foldCase ? ToPunycode(text.ToLowerInvariant()) : text;
        return host is not (null or "" or ['.', ..])
            && !host.Contains("..", StringComparison.Ordinal)
            && !host.AsSpan().ContainsAnyExcept(HostCharacters)
                ? host
                : null;
    }

    /// <summary>Converts a name that is not ASCII, as browsers do.</summary>
    private static string? ToPunycode(string host)
    {
        if (Ascii.IsValid(host))
            return host;
        try
        {
            return Idn.GetAscii(host);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
