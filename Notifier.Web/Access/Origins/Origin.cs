using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Notifier.Access.Origins;

/// <summary>
/// Where a page came from, as its browser says in the header <c>Origin</c> (RFC 6454, 6.2): scheme, host and port, or
/// <c>null</c>. Two are equal when a browser would call them the same: case and default ports are folded, and names are
/// in punycode. What it prints is made of its parts and harmless in a log, whatever the header was.
/// </summary>
internal sealed record Origin
{
    /// <summary>What pages have that come from nowhere: a file on disk, a sandboxed frame.</summary>
    public static readonly Origin Null = new("", "null", port: 0);

    /// <summary>That of pages on disk, in browsers that do not say <c>null</c>.</summary>
    public static readonly Origin File = new("file", "", port: 0);

    /// <summary>A name has at most 253 characters (RFC 1035, 2.3.4); what is much longer is not worth keeping.</summary>
    private const int MaxLength = 300;

    private static readonly SearchValues<char> SchemeCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789+-.");
    private static readonly SearchValues<char> HostCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");
    private static readonly SearchValues<char> AddressCharacters = SearchValues.Create("ABCDEFabcdef0123456789:.");     // no %zone

    private static readonly IdnMapping Idn = new();

    private Origin(string scheme, string host, int port) => (Scheme, Host, Port) = (scheme, host, port);

    /// <summary>In lower case; empty for <see cref="Null"/>.</summary>
    public string Scheme { get; }

    /// <summary>A name, or an address: one of IPv6 in brackets.</summary>
    public string Host { get; }

    /// <summary>Zero where there is none: with other schemes than http and https.</summary>
    public int Port { get; }

    /// <summary>Whether a web server can have served the page.</summary>
    public bool IsWeb => DefaultPort(Scheme) != 0;

    /// <summary>Whether a web server on this very machine has: localhost and what is below it, 127.0.0.0/8 and [::1].</summary>
    public bool IsLoopback => IsWeb
        && (Host == "localhost"
            || Host.EndsWith(".localhost", StringComparison.Ordinal)
            || (IPAddress.TryParse(Host, out var address) && IPAddress.IsLoopback(address)));

    /// <returns>Null when that is no origin: it has a path, user information, or is something else altogether.</returns>
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
    /// <param name="authority">A host, and perhaps a port, as in a header <c>Host</c>.</param>
    /// <returns>Null when there is no such origin.</returns>
    public static Origin? Parse(string scheme, string authority)
    {
        if (scheme.Length + authority.Length > MaxLength)
            return null;
        var end = PortBegins(authority);
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

    /// <summary>The place of the colon, or the end. An IPv6 address has colons of its own, in brackets.</summary>
    private static int PortBegins(string authority)
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

    /// <summary>As browsers send a name with other letters than a to z.</summary>
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
