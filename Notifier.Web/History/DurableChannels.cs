using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Messages;

namespace Notifier.History;

/// <summary>The channels of <c>History:Durable:Channels</c>. Immutable.</summary>
internal sealed class DurableChannels(IOptions<DurableOptions> options)
{
    private readonly RedisPattern[] patterns = [.. options.Value.Channels.Select(static text => RedisPattern.Of(Name.Parse(text)))];

    public bool AreThere => patterns.Length > 0;

    public bool Have(ReadOnlySpan<byte> channel)
    {
        foreach (var pattern in patterns)
        {
            if (pattern.Matches(channel))
                return true;
        }
        return false;
    }

    /// <summary>Whether every channel of the name is one of them. One that would take long to compare is taken for no.</summary>
    public bool Contain(Name name) => name.Kind == NameKind.Channel
        ? Have(Encoding.UTF8.GetBytes(name.Text))
        : AreThere && Containment.Prove(RedisPattern.Parse(name.Text), patterns).Holds;

    /// <summary>Whether a channel of the name may be one of them.</summary>
    public bool MayTouch(Name name) => name.Kind == NameKind.Channel ? Contain(name) : AreThere && Array.Exists(patterns, Alike(RedisPattern.Parse(name.Text)));

    private static Predicate<RedisPattern> Alike(RedisPattern asked) => pattern =>
        pattern.Beginning.StartsWith(asked.Beginning) || asked.Beginning.StartsWith(pattern.Beginning);
}
