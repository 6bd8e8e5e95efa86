using Microsoft.Extensions.Options;

namespace Notifier.Access.Origins;

/// <summary>
/// Which pages may connect. A browser lets any page open a WebSocket to Notifier, with the visitor's cookies and from behind the visitor's
/// firewall; only the header <c>Origin</c> distinguishes the pages (RFC 6455, 10.2). Other clients can send any origin, so grants must
/// restrict them.
/// </summary>
internal sealed partial class OriginRules(IOptions<AccessOptions> options, IHostEnvironment environment, ILogger<OriginRules> logger)
{
    /// <summary>How many refused origins are logged at Warning. Limited, because clients can invent origins and fill the log and the memory.</summary>
    private const int MaxWarnings = 100;

    private readonly AllowedOrigin[] allowed = [.. options.Value.AllowedOrigins.Select(entry => AllowedOrigin.Parse(entry, out _)!)];
    private readonly HashSet<string> warned = [];
    private readonly Lock gate = new();

    /// <summary>Whether the page that sends the request may connect. Called by any thread.</summary>
    /// <returns>Null if it may; else the reason, for the client.</returns>
    public string? Check(HttpRequest request)
    {
        var header = request.Headers.Origin;
        if (header.Count == 0)
            return null;        // a program; or a browser, which omits it only if the page is Notifier's own or cannot read the answer
        if (header is not [{ } text] || Origin.Parse(text) is not { } origin)
            return OnMalformed();
        return IsOwn(origin, request) || IsOnThisMachine(origin) || allowed.Any(entry => entry.Contains(origin))
            ? null
            : OnRefused(origin.ToString());
    }

    /// <summary>
    /// A host without a port gets the default port of the origin's scheme, so that a proxy may terminate TLS. Reads the header itself, because
    /// <see cref="HttpRequest.Host"/> throws on invalid punycode.
    /// </summary>
    private static bool IsOwn(Origin origin, HttpRequest request) =>
        origin.IsWeb && origin == Origin.Parse(origin.Scheme, request.Headers.Host.ToString());

    /// <summary>During development, pages come from disk, or from a web server on another port.</summary>
    private bool IsOnThisMachine(Origin origin) =>
        environment.IsDevelopment() && (origin.IsLoopback || origin == Origin.Null || origin == Origin.File);

    private string OnMalformed()
    {
        var level = LevelFor("malformed");
        Log.Malformed(logger, level);
        return "the Origin header is malformed";
    }

    private string OnRefused(string origin)
    {
        var level = LevelFor(origin);
        Log.Refused(logger, level, origin);
        return $"origin {origin} is not allowed: see Access:AllowedOrigins";
    }

    /// <summary>Warning for the first time, Debug for repetitions.</summary>
    private LogLevel LevelFor(string refused)
    {
        lock (gate)
            return warned.Count < MaxWarnings && warned.Add(refused) ? LogLevel.Warning : LogLevel.Debug;
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 3, Message = "Refused a page of the origin {Origin}. If the page is yours, add its origin to Access:AllowedOrigins; "
            + "if it is this server's own page, a proxy in front changes the Host header (docs/proxies.md).")]
        public static partial void Refused(ILogger logger, LogLevel level, string origin);

        [LoggerMessage(EventId = 4, Message = "Refused a connection whose Origin header is malformed.")]
        public static partial void Malformed(ILogger logger, LogLevel level);
    }
}
