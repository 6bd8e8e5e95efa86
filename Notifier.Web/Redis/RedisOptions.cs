using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Names;
using Notifier.Redis.Receiver;

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

/// <summary>Stops the process when the Redis options make no sense.</summary>
internal sealed class RedisValidator(NameRules rules, IConfiguration configuration) : IValidateOptions<RedisOptions>
{
    public ValidateOptionsResult Validate(string? name, RedisOptions options)
    {
        var errors = new OptionErrors()
            .Range("Redis:EmbeddedPort", options.EmbeddedPort, 1, ushort.MaxValue)
            .Range("Redis:DeliveryThreads", options.DeliveryThreads, 0, 64)
            .Range("Redis:Linger", options.Linger, TimeSpan.Zero, TimeSpan.FromDays(1))
            .Must(
                !BeginsLikeReserved(options.ChannelPrefix),
                $"Redis:ChannelPrefix is \"{options.ChannelPrefix}\"; with it a channel could begin with __ or notifier:, "
                + "and such channels never reach a browser.")
            .Names(configuration, "Redis:Covers", options.Covers, rules);
        for (var i = 0; i < options.Covers.Length; i++)
        {
            errors.Must(
                Name.Parse(options.Covers[i] ?? "").Kind == NameKind.Pattern,
                $"Redis:Covers:{i} is \"{options.Covers[i]}\", a channel; a pattern such as user.* is allowed.");
        }
        return errors.ToResult();
    }

    /// <summary>Whether it is reserved, or becomes so by what is put after it.</summary>
    private static bool BeginsLikeReserved(string prefix) => prefix.Length > 0
        && (NameRules.IsReserved(Encoding.UTF8.GetBytes(prefix))
            || "__".StartsWith(prefix, StringComparison.Ordinal)
            || "notifier:".StartsWith(prefix, StringComparison.Ordinal));
}
