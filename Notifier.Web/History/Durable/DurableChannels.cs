using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Names;

namespace Notifier.History.Durable;

/// <summary>The channels of <c>History:Durable:Channels</c>. Immutable.</summary>
internal sealed class DurableChannels(IOptions<DurableOptions> options)
{
    private readonly RedisPattern[] patterns = [.. options.Value.Channels.Select(static text => RedisPattern.From(Name.Parse(text)))];

    public bool Any => patterns.Length > 0;

    /// <summary>Whether a channel is durable.</summary>
    public bool Contains(ReadOnlySpan<byte> channel)
    {
        foreach (var pattern in patterns)
        {
            if (pattern.Matches(channel))
                return true;
        }
        return false;
    }

    /// <summary>Whether every channel of the name is durable. False if that would take too long to find out.</summary>
    public bool ContainsAll(Name name) => name.Kind == NameKind.Channel
        ? Contains(Encoding.UTF8.GetBytes(name.Text))
        : Any && Containment.Prove(RedisPattern.Parse(name.Text), patterns).Holds;

    /// <summary>Whether a channel of the name may be durable.</summary>
    public bool MayContainAny(Name name) => name.Kind == NameKind.Channel ? ContainsAll(name) : Any && Array.Exists(patterns, HasSamePrefix(RedisPattern.Parse(name.Text)));

    private static Predicate<RedisPattern> HasSamePrefix(RedisPattern requested) => pattern =>
        pattern.LiteralPrefix.StartsWith(requested.LiteralPrefix) || requested.LiteralPrefix.StartsWith(pattern.LiteralPrefix);
}
