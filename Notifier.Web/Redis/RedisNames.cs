using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Names;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>Translates between names and channels in Redis: adds and removes the prefix, and keeps reserved channels from browsers.</summary>
internal sealed class RedisNames(IOptions<RedisOptions> options)
{
    private readonly string prefix = options.Value.ChannelPrefix;
    private readonly string escapedPrefix = EscapePattern(options.Value.ChannelPrefix);
    private readonly byte[] prefixBytes = Encoding.UTF8.GetBytes(options.Value.ChannelPrefix);

    /// <summary>Precedes each name in Redis.</summary>
    public ReadOnlyMemory<byte> Prefix => prefixBytes;

    public RedisChannel ToRedis(Name name) => name.Kind == NameKind.Channel
        ? RedisChannel.Literal(prefix + name.Text)
        : RedisChannel.Pattern(escapedPrefix + name.Text);

    /// <summary>On a Cluster all messages of a channel go to one server, as if the channel were a key: across two servers there is no order.</summary>
    public RedisChannel ToPublish(string channel) => ToRedis(Name.Channel(channel)).WithKeyRouting();

    /// <summary>
    /// The channel as browsers know it; null when it must not reach them. A channel is reserved if its name with the prefix is, or its name
    /// without.
    /// </summary>
    public byte[]? FromRedis(byte[] channel)
    {
        if (NameRules.IsReserved(channel) || !channel.AsSpan().StartsWith(prefixBytes))
            return null;
        if (prefixBytes.Length == 0)
            return channel;
        var bare = channel[prefixBytes.Length..];
        return NameRules.IsReserved(bare) ? null : bare;
    }

    private static string EscapePattern(string text)
    {
        var escaped = new StringBuilder();
        foreach (var c in text)
            _ = c is '*' or '?' or '[' or '\\' ? escaped.Append('\\').Append(c) : escaped.Append(c);
        return escaped.ToString();
    }
}
