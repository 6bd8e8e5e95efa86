using FluentAssertions;
using Notifier.Connections;
using Xunit;

namespace Notifier.Tests.Connections;

public sealed class RosterTests
{
    private sealed class Member : IRostered
    {
        int IRostered.Place { get; set; }
    }

    [Fact]
    public void A_walk_misses_nobody_who_was_there_and_stays_however_others_come_and_go_meanwhile()
    {
        for (var seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            var gate = new Lock();
            var roster = new Roster<Member>();
            var members = new List<Member>();
            void Come()
            {
                members.Add(new Member());
                roster.Add(members[^1]);
            }
            void Go(Member member)
            {
                members.Remove(member);
                roster.Remove(member);
            }
            for (var n = random.Next(60); n > 0; n--)
                Come();
            var before = members.ToHashSet();
            var visited = new HashSet<Member>();

            foreach (var chunk in roster.InChunks(gate, new Member[random.Next(1, 9)]))
            {
                visited.UnionWith(chunk.ToArray());
                for (var n = random.Next(6); n > 0; n--)
                {
                    if (random.Next(2) == 0 || members.Count == 0)
                        Come();
                    else
                        Go(members[random.Next(members.Count)]);
                }
            }

            before.Intersect(members).Except(visited).Should().BeEmpty($"seed {seed}");
            roster.Count.Should().Be(members.Count);
        }
    }
}
