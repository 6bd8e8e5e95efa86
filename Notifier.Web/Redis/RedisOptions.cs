namespace Notifier.Redis;

/// <summary><c>Redis</c>: where messages come from, and how.</summary>
public sealed class RedisOptions
{
    /// <summary>
    /// A URL (<c>redis://</c>, <c>rediss://</c>, <c>redis+sentinel://</c>, <c>rediss+sentinel://</c>, <c>unix://</c>; docs/redis.md), or a
    /// StackExchange.Redis connection string (<see href="https://stackexchange.github.io/StackExchange.Redis/Configuration"/>). Empty: the URL in the
    /// environment variable <c>REDIS_URL</c>. If that is not set either: in Development the Redis that answers on localhost, else an embedded one; in
    /// Production the process stops, unless <see cref="Embedded"/> is true.
    /// </summary>
    public string Configuration { get; set; } = "";

    /// <summary>
    /// A file (PEM) with the certificate of the authority that issued the server's certificate; with several, each is trusted. No other authority is then
    /// trusted. Default: the authorities that the machine trusts.
    /// </summary>
    public string CaFile { get; set; } = "";

    /// <summary>
    /// A file (PEM) with the certificate by which Notifier identifies itself to Redis (<c>tls-auth-clients yes</c>), and any intermediate ones behind it.
    /// Default none.
    /// </summary>
    public string ClientCertificateFile { get; set; } = "";

    /// <summary>A file (PEM, not encrypted) with the private key of <see cref="ClientCertificateFile"/>. Default: the key is in that file, too.</summary>
    public string ClientKeyFile { get; set; } = "";

    /// <summary>
    /// The host name that the server's certificate must have, if it differs from the host to which Notifier connects. Default: the host of the connection
    /// string.
    /// </summary>
    public string TlsServerName { get; set; } = "";

    /// <summary>Allows the embedded Redis outside Development too. For a small site on one machine; default false.</summary>
    public bool Embedded { get; set; }

    /// <summary>The port on localhost where Notifier looks for a Redis, and where the embedded one listens. 1 to 65,535; default 6379.</summary>
    public int EmbeddedPort { get; set; } = 6379;

    /// <summary>
    /// Added to every name on the way to Redis, and removed on the way back, for backends whose library prefixes the channels that
    /// it publishes to (Laravel). Must not begin with <c>__</c> or <c>notifier:</c>, nor be the beginning of one of them. Default none.
    /// </summary>
    public string ChannelPrefix { get; set; } = "";

    /// <summary>
    /// How long a subscription outlives its last subscriber, so that a reloaded page finds it still there. Zero to one day;
    /// default 1 minute.
    /// </summary>
    public TimeSpan Linger { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Patterns that Notifier subscribes in Redis in place of all names that they contain. Notifier itself then matches each message against those
    /// names. Useful if each caller has a grant of its own, such as <c>user.42.*</c>: with the cover <c>user.*</c>, Redis has one pattern; without it,
    /// Redis has one for each caller, and each makes every PUBLISH slower. A node receives all messages that a cover matches, so a wide cover costs
    /// CPU. Default none.
    /// </summary>
    public string[] Covers { get; set; } = [];

    /// <summary>
    /// How messages are read from Redis. <see cref="RedisTransport.Direct"/>, the default, uses an experimental interface of StackExchange.Redis;
    /// <see cref="RedisTransport.Stream"/> uses a stable one, and is slower. Both deliver the same. Choose <c>Stream</c> if <c>Direct</c> causes trouble,
    /// and report that.
    /// </summary>
    public RedisTransport Transport { get; set; } = RedisTransport.Direct;

    /// <summary>
    /// How many threads may deliver messages concurrently: the one that reads from Redis, and helpers for many names or many subscribers. 0 to 64;
    /// default 0, which means half the processors, but at most 16 (on two processors: 1).
    /// </summary>
    public int DeliveryThreads { get; set; }
}

/// <summary>How messages are read from the subscription connection.</summary>
public enum RedisTransport
{
    /// <summary>
    /// Notifier owns the socket, and forwards the library's bytes to the library. The fastest way, but the library calls the interface that it needs
    /// experimental.
    /// </summary>
    Direct,

    /// <summary>
    /// The library owns the socket. Notifier's thread reads it, and forwards the library's bytes through a stream. Uses only interfaces that the library
    /// calls stable.
    /// </summary>
    Stream,
}
