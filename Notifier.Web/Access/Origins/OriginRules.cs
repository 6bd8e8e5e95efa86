using Microsoft.Extensions.Options;

namespace Notifier.Access.Origins;

/// <summary>
/// Which pages may connect, and in Development which machine. A browser lets any page open a WebSocket to Notifier, with the visitor's cookies and from
/// behind the visitor's firewall; only the header <c>Origin</c> distinguishes the pages (RFC 6455, 10.2). Other clients can send any origin, so grants must
/// restrict them.
/// </summary>
internal sealed partial class OriginRules(IOptions<AccessOptions> options, IHostEnvironment environment, ILogger<OriginRules> logger)
{
    /// <summary>How many refused origins are logged at Warning. Limited, because clients can invent origins and fill the log and the memory.</summary>
    private const int MaxWarnings = 100;

    private readonly AllowedOrigin[] allowed = [.. options.Value.AllowedOrigins.Select(entry => AllowedOrigin.Parse(entry, out _)!)];
    private readonly bool readsCookies = GrantSources.All.Any(source => source.CookieSetting(options.Value) is not null);
    private readonly HashSet<string> warned = [];
    private readonly Lock gate = new();

    /// <summary>
    /// Whether a page may read an answer to a request with cookies (CORS). Not if all pages are allowed: then no page is known to be the operator's.
    /// </summary>
    public bool AllowsCredentials { get; } = !options.Value.AllowedOrigins.Contains("*");

    /// <summary>Whether the page that sends the request may connect. Called by any thread, before anything reads cookies.</summary>
    /// <returns>Null if it may; else the reason, for the client.</returns>
    public string? Check(HttpRequest request)
    {
        if (environment.IsDevelopment() && !request.IsLocal())
            return OnRemote();
        var header = request.Headers.Origin;
        if (header.Count == 0)
            // A program; or a browser, which omits it only if the page is Notifier's own or cannot read the answer.
            return readsCookies && IsOfAnotherSite(request) ? "a page of another site sent this request; it may not, because cookies identify callers here" : null;
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
        origin.IsWeb && origin == Origin.Parse(origin.Scheme, request.Headers.Host.ToString()) && (origin.Scheme == "https" || !IsSecure(request));

    /// <summary>
    /// Whether the browser used TLS. Then a page of the same host that came over http is another origin: an attacker in the visitor's network can write such
    /// a page. Also believes a proxy that is not known, because that only makes the check stricter.
    /// </summary>
    private static bool IsSecure(HttpRequest request) =>
        request.IsHttps || request.Headers["X-Forwarded-Proto"].ToString().Contains("https", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// A browser sends no Origin with a GET that a page of another site causes without reading the answer, such as a picture or a link, but it sends the
    /// visitor's cookies (Fetch Metadata Request Headers, 2.3).
    /// </summary>
    private static bool IsOfAnotherSite(HttpRequest request) => request.Headers["Sec-Fetch-Site"].ToString() is "cross-site" or "same-site";

    /// <summary>
    /// During development, pages come from a web server on another port, or from disk. Not the origin null: a sandboxed frame of any site has it, too.
    /// </summary>
    private bool IsOnThisMachine(Origin origin) => environment.IsDevelopment() && (origin.IsLoopback || origin == Origin.File);

    private string OnRemote()
    {
        var level = LevelFor("remote");
        Log.Remote(logger, level);
        return "in Development only this machine is served, as localhost and without a proxy: see docs/access.md#development";
    }

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

        [LoggerMessage(EventId = 6, Message = "Refused a request that does not come from this machine, or has another host than localhost, or comes through a proxy. "
            + "In Development everything is open, so only this machine is served. For others start with --environment=Production and grant names (docs/access.md).")]
        public static partial void Remote(ILogger logger, LogLevel level);

        [LoggerMessage(EventId = 4, Message = "Refused a connection whose Origin header is malformed.")]
        public static partial void Malformed(ILogger logger, LogLevel level);
    }
}
