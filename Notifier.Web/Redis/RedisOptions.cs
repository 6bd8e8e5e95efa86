namespace Notifier.Redis;

/// <summary><c>Redis</c>: where messages come from.</summary>
public sealed class RedisOptions
{
    /// <summary>
    /// A StackExchange.Redis connection string: hosts, Sentinel, Cluster, TLS, password
    /// (<see href="https://stackexchange.github.io/StackExchange.Redis/Configuration"/>). Empty: in Development the Redis that
    /// answers on localhost, else an embedded one; in Production the process stops, unless <see cref="Embedded"/> is true.
    /// </summary>
    public string Configuration { get; set; } = "";

    /// <summary>Allows the embedded Redis outside Development too. For a small site on one machine; default false.</summary>
    public bool Embedded { get; set; }

    /// <summary>The port on localhost where a Redis is looked for, and where the embedded one listens. 1 to 65,535; default 6379.</summary>
    public int EmbeddedPort { get; set; } = 6379;

    /// <summary>
    /// Put before every name on the way to Redis, and taken off on the way back, for backends whose library prefixes what
    /// it publishes (Laravel). It may not begin with <c>__</c> or <c>notifier:</c>, nor be the beginning of one of them. Default none.
    /// </summary>
    public string ChannelPrefix { get; set; } = "";

    /// <summary>
    /// How long a subscription outlives its last subscriber, so that a page that reloads finds it still there. Zero to one day;
    /// default 1 minute.
    /// </summary>
    public TimeSpan Linger { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Patterns that are subscribed in Redis in place of all names that they contain, which are matched in this process. For
    /// grants such as <c>user.42.*</c> for each visitor: with the cover <c>user.*</c> they cost Redis one pattern, and without it
    /// each makes every PUBLISH slower. The node hears all that a cover matches, so a wide one costs it. Default none.
    /// </summary>
    public string[] Covers { get; set; } = [];

    /// <summary>
    /// How messages are read from Redis. <see cref="RedisTransport.Direct"/>, the default, rests on an experimental interface of StackExchange.Redis;
    /// <see cref="RedisTransport.Stream"/> on a stable one, and is slower. They deliver the same. Choose <c>Stream</c> if <c>Direct</c> makes trouble,
    /// and report it.
    /// </summary>
    public RedisTransport Transport { get; set; } = RedisTransport.Direct;

    /// <summary>
    /// How many threads may deliver messages at once: the one that reads from Redis, and those that help where many names or many subscribers wait. 0 to 64;
    /// default 0, which is half the processors, 16 at most (on two processors: 1).
    /// </summary>
    public int DeliveryThreads { get; set; }
}
