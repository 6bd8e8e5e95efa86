using Microsoft.Extensions.Options;

namespace Notifier.Configuration;

/// <summary><c>Limits</c>: how much one client, and all clients together, may use of a node.</summary>
public sealed class LimitsOptions
{
    /// <summary>Connections per node; further ones get 503. 1 to 10,000,000; default 100,000.</summary>
    public int Connections { get; set; } = 100_000;

    /// <summary>
    /// Connections per IP address (IPv6: per /64); further ones get 429. 1 to 10,000,000. Default: no limit unless proxies are configured
    /// (<c>ForwardedHeaders</c>), because behind an unknown proxy all clients seem to have its address; else 1,000. If neither this nor proxies are
    /// set, one address may have half of the node's TCP connections.
    /// </summary>
    public int? ConnectionsPerAddress { get; set; }

    /// <summary>Handshakes per second; further ones get 503. 1 to 1,000,000; default no limit.</summary>
    public int? HandshakesPerSecond { get; set; }

    /// <summary>
    /// The share of the memory that this process may use (in a container: of its limit). Memory that the garbage collector can free does not count. Above
    /// it, new connections and requests get 503, so that the existing connections keep working. 0.001 to 1; default 0.85.
    /// </summary>
    public double MemoryShare { get; set; } = 0.85;

    /// <summary>How long a client may take to send the headers of a request. 1 s to 5 min; default 10 s.</summary>
    public TimeSpan HandshakeTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Whether the kernel hands over a TCP connection only when its first bytes have arrived (<c>TCP_DEFER_ACCEPT</c>, see tcp(7); Linux only). That saves a
    /// handshake one wait. Silent connections wait in the kernel for about 5 s, unseen by the other limits, and are handed over then. Default false.
    /// </summary>
    public bool DeferAccept { get; set; }

    /// <summary>
    /// How long a TCP connection may stay open without a request. Must be longer than a proxy keeps its idle connections; otherwise the proxy
    /// may send a request just when Notifier closes. 1 s to 1 h; default 130 s.
    /// </summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromSeconds(130);

    /// <summary>
    /// HTTP requests that a node answers at once; further ones get 503. One address may have a twentieth of them, or half of them if it may be that of a
    /// proxy; further ones get 429. Not for WebSockets, event streams, files and health checks. 1 to 1,000,000; default 1,000.
    /// </summary>
    public int Requests { get; set; } = 1_000;

    /// <summary>
    /// HTTP requests per second of a subject or an address, on average; four times as many may come at once, and further ones get 429. Each message of
    /// <c>POST /publish</c> counts. An address may send ten times as many requests for files and the like, and open and leave as many connections within 10 s,
    /// and replace four times as many names. For each of these requests, it may send 1 KiB over TLS that no request uses, and read 50 durable channels to
    /// resume names. Ten times as many for an address that may be that of a proxy; no limit for API keys. 1 to 1,000,000; default 50.
    /// </summary>
    public int RequestsPerSecond { get; set; } = 50;

    /// <summary>
    /// How long a client may take to send the body of a request (then 408), and as long again to read the answer. 1 s to 10 min; default 30 s.
    /// </summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>When a request is aborted: the time for the body, and as long again for the answer.</summary>
    internal TimeSpan RequestDeadline => 2 * RequestTimeout;

    /// <summary>
    /// Bytes of request bodies and history pages that a node keeps in memory at once; a request that needs more gets 503. A subject or an address may have
    /// a twentieth of them, or half of them if the address may be that of a proxy; then 429. Requests that wait for <c>Access:Callback</c> may use as much
    /// again; further callers get 4503. 1 MiB to 64 GiB; default 64 MiB.
    /// </summary>
    public long RequestBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>
    /// Bytes per second that a subject or an address may publish with <c>POST /publish</c>, on average; eight of the largest payloads, or 512 KiB, may come
    /// at once. Payloads count, and what Redis needs to keep durable messages: about 200 bytes for each, and 1 to 5 KiB for each new channel. Ten times as many for an address that may be that of a proxy; no limit for API keys. 1 KiB to 32 MiB; default 16 KiB.
    /// </summary>
    public int PublishBytesPerSecond { get; set; } = 16 * 1024;

    /// <summary>Commands per second and connection, on average. 1 to 1,000,000; default 50.</summary>
    public int CommandsPerSecond { get; set; } = 50;

    /// <summary>Commands that a connection may send at once; a faster connection is closed with 4529. 1 to 1,000,000; default 200.</summary>
    public int CommandBurst { get; set; } = 200;

    /// <summary>Names that one connection may subscribe to, and that an address (URL) or a form may have, including patterns. 1 to 10,000; default 128.</summary>
    public int NamesPerConnection { get; set; } = 128;

    /// <summary>
    /// Patterns that one connection may subscribe to, and that an address (URL) or a form may have. Each makes every PUBLISH on Redis slower. 0 to 10,000;
    /// default 16.
    /// </summary>
    public int PatternsPerConnection { get; set; } = 16;

    /// <summary>
    /// Different patterns that a node may subscribe to in Redis. Each makes every PUBLISH slower. Those under <c>Redis:Covers</c> do not count.
    /// One IP address may use a twentieth of them, or half if the address may be that of a proxy (<see cref="ConnectionsPerAddress"/>). 1 to 100,000;
    /// default 1,000.
    /// </summary>
    public int DistinctPatterns { get; set; } = 1_000;

    /// <summary>
    /// Different names with subscribers of a node, channels and patterns. One IP address may be the first to subscribe to a twentieth of them, or to half if
    /// the address may be that of a proxy. 1 to 100,000,000. Default: one for each 4 KiB of the memory that this process may use, 10,000 to 1,000,000.
    /// </summary>
    public int? DistinctNames { get; set; }

    /// <summary>A name of 255 bytes needs about 3 KiB.</summary>
    internal int NamesOfNode => DistinctNames ?? (int)Math.Clamp(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (4 * 1024), 10_000, 1_000_000);

    /// <summary>
    /// Names without subscribers that linger (<c>Redis:Linger</c>). Of more, those that were used least recently are unsubscribed at once. One IP address may
    /// use a twentieth of them, or half if the address may be that of a proxy. 0 to 10,000,000; default 10,000.
    /// </summary>
    public int LingeringNames { get; set; } = 10_000;

    /// <summary>How many of the latest messages of a name a client may request (<c>last</c>); of more, it gets this many. 0 to 1,000,000; default 1,000.</summary>
    public int LastMessages { get; set; } = 1_000;

    /// <summary>Bytes of a channel's name. 1 to 4,096; default 255.</summary>
    public int NameBytes { get; set; } = 255;

    /// <summary>Bytes of a pattern. 1 to 4,096; default 128.</summary>
    public int PatternBytes { get; set; } = 128;

    /// <summary>
    /// <c>*</c> in a pattern. Redis' matcher tries each against the rest of the channel, so a pattern with many makes every PUBLISH slow.
    /// 0 to 16; default 4.
    /// </summary>
    public int PatternStars { get; set; } = 4;

    /// <summary>
    /// Bytes of a client's message, including all its fragments; each fragment counts one byte more. 128 to 1 MiB; default 8 KiB.
    /// </summary>
    public int FrameBytes { get; set; } = 8 * 1024;

    /// <summary>
    /// How many bytes all names that an address or a form may have need at most: three for each byte of a name (<c>%2A</c>), and the rest for its parameters,
    /// such as its position.
    /// </summary>
    internal long NamesBytes => (3L * Math.Max(NameBytes, PatternBytes) + 192) * Math.Max(NamesPerConnection, 16);

    /// <summary>Bytes of a payload; a larger one is not delivered, and becomes a gap. 1 to 64 MiB; default 512 KiB.</summary>
    public int PayloadBytes { get; set; } = 512 * 1024;
}

/// <summary>Stops the process if a limit is out of range.</summary>
internal sealed class LimitsValidator : IValidateOptions<LimitsOptions>
{
    public ValidateOptionsResult Validate(string? name, LimitsOptions options) => new OptionErrors()
        .Range("Limits:Connections", options.Connections, 1, 10_000_000)
        .Range("Limits:ConnectionsPerAddress", options.ConnectionsPerAddress ?? 1, 1, 10_000_000)
        .Range("Limits:HandshakesPerSecond", options.HandshakesPerSecond ?? 1, 1, 1_000_000)
        .Must(options.MemoryShare is >= 0.001 and <= 1, FormattableString.Invariant($"Limits:MemoryShare is {options.MemoryShare}; 0.001 to 1 is allowed."))
        .Range("Limits:HandshakeTimeout", options.HandshakeTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5))
        .Range("Limits:IdleTimeout", options.IdleTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1))
        .Range("Limits:Requests", options.Requests, 1, 1_000_000)
        .Range("Limits:RequestsPerSecond", options.RequestsPerSecond, 1, 1_000_000)
        .Range("Limits:RequestTimeout", options.RequestTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10))
        .Range("Limits:RequestBytes", options.RequestBytes, 1024 * 1024, 64L * 1024 * 1024 * 1024)
        .Range("Limits:PublishBytesPerSecond", options.PublishBytesPerSecond, 1024, 32 * 1024 * 1024)
        .Range("Limits:CommandsPerSecond", options.CommandsPerSecond, 1, 1_000_000)
        .Range("Limits:CommandBurst", options.CommandBurst, 1, 1_000_000)
        .Range("Limits:NamesPerConnection", options.NamesPerConnection, 1, 10_000)
        .Range("Limits:PatternsPerConnection", options.PatternsPerConnection, 0, 10_000)
        .Range("Limits:DistinctPatterns", options.DistinctPatterns, 1, 100_000)
        .Range("Limits:DistinctNames", options.DistinctNames ?? 1, 1, 100_000_000)
        .Range("Limits:LingeringNames", options.LingeringNames, 0, 10_000_000)
        .Range("Limits:LastMessages", options.LastMessages, 0, 1_000_000)
        .Range("Limits:NameBytes", options.NameBytes, 1, 4096)
        .Range("Limits:PatternBytes", options.PatternBytes, 1, 4096)
        .Range("Limits:PatternStars", options.PatternStars, 0, 16)
        .Range("Limits:FrameBytes", options.FrameBytes, 128, 1024 * 1024)
        .Range("Limits:PayloadBytes", options.PayloadBytes, 1, 64 * 1024 * 1024)
        .ToResult();
}
