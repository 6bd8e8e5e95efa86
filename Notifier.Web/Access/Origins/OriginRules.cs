using Microsoft.Extensions.Options;

namespace Notifier.Access.Origins;

/// <summary>
/// Which pages may connect. A browser lets every page in the world open a WebSocket to us, with the visitor's cookies and from
/// behind the visitor's firewall; only the header <c>Origin</c> tells them apart (RFC 6455, 10.2). What is no browser can say there what
/// it likes: it is grants that keep it out.
/// </summary>
internal sealed partial class OriginRules(IOptions<AccessOptions> options, IHostEnvironment environment, ILogger<OriginRules> logger)
{
    /// <summary>Refused origins that are told at Warning: anybody can make up more, to fill the log and the memory.</summary>
    private const int MaxTold = 100;

    private readonly AllowedOrigin[] allowed = [.. options.Value.AllowedOrigins.Select(entry => AllowedOrigin.Parse(entry, out _)!)];
    private readonly HashSet<string> told = [];
    private readonly Lock telling = new();

    /// <summary>Whether the page that a request is of may be served. Called by any thread.</summary>
    /// <returns>Null when it may, or why not: for the client, who is told so after accepting.</returns>
    public string? Check(HttpRequest request)
    {
        var header = request.Headers.Origin;
        if (header.Count == 0)
            return null;        // no browser: they always send one
        if (header is not [{ } text] || Origin.Parse(text) is not { } origin)
            return Malformed();
        return IsOwn(origin, request) || IsOnThisMachine(origin) || allowed.Any(entry => entry.Contains(origin))
            ? null
            : Refused(origin.ToString());
    }

    /// <summary>
    /// The host's missing port is that of the origin's own scheme, so that a proxy which ends TLS changes nothing. The header itself:
    /// <see cref="HttpRequest.Host"/> throws when its punycode is wrong.
    /// </summary>
    private static bool IsOwn(Origin origin, HttpRequest request) =>
        origin.IsWeb && origin == Origin.Parse(origin.Scheme, request.Headers.Host.ToString());

    /// <summary>Whoever develops a page opens it from disk, or from a web server of another port.</summary>
    private bool IsOnThisMachine(Origin origin) =>
        environment.IsDevelopment() && (origin.IsLoopback || origin == Origin.Null || origin == Origin.File);

    private string Malformed()
    {
        var level = LevelFor("malformed");
        Log.Malformed(logger, level);
        return "the Origin header is malformed";
    }

    private string Refused(string origin)
    {
        var level = LevelFor(origin);
        Log.Refused(logger, level, origin);
        return $"origin {origin} is not allowed: see Access:AllowedOrigins";
    }

    /// <summary>The level for what may come again and again.</summary>
    private LogLevel LevelFor(string refused)
    {
        lock (telling)
            return told.Count < MaxTold && told.Add(refused) ? LogLevel.Warning : LogLevel.Debug;
    }

    private static partial class Log
    {
        [LoggerMessage(Message = "Refused a page of the origin {Origin}. If it is yours, add it to Access:AllowedOrigins; "
            + "if it is this server's own, a proxy in front changes the Host header (docs/proxies.md).")]
        public static partial void Refused(ILogger logger, LogLevel level, string origin);

        [LoggerMessage(Message = "Refused a connection whose Origin header is malformed.")]
        public static partial void Malformed(ILogger logger, LogLevel level);
    }
}
