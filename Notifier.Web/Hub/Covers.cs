using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Messages;
using Notifier.Redis;

namespace Notifier.Hub;

/// <summary>The patterns of <c>Redis:Covers</c>. Immutable.</summary>
internal sealed class Covers(IOptions<RedisOptions> options)
{
    private readonly (Name Name, RedisPattern Pattern)[] covers =
        [.. options.Value.Covers.Select(text => (Name.Pattern(text), RedisPattern.Parse(text)))];

    /// <summary>The first cover that contains the name, or null. One that would take long to compare is taken for none.</summary>
    public Name? Of(Name name)
    {
        foreach (var cover in covers)
        {
            if (Contains(cover.Pattern, name))
                return cover.Name;
        }
        return null;
    }

    private static bool Contains(RedisPattern cover, Name name) => name.Kind == NameKind.Channel
        ? cover.Matches(Encoding.UTF8.GetBytes(name.Text))
        : Containment.Prove(RedisPattern.Parse(name.Text), [cover]).Holds;
}
