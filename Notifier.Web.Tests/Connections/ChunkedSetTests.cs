using FluentAssertions;
using Notifier.Connections;
using Xunit;

namespace Notifier.Tests.Connections;

public sealed class ChunkedSetTests
{
    private sealed class Member : IChunkedSetMember
    {
        int IChunkedSetMember.Place { get; set; }
    }

    [Fact]
    public void A_walk_in_chunks_visits_every_member_that_stays_while_others_are_added_and_removed()
    {
        for (var seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            var gate = new Lock();
            var set = new ChunkedSet<Member>();
            var members = new List<Member>();
            void Come()
            {
                members.Add(new Member());
                set.Add(members[^1]);
            }
            void Go(Member member)
            {
                members.Remove(member);
                set.Remove(member);
            }
            for (var n = random.Next(60); n > 0; n--)
                Come();
            var before = members.ToHashSet();
            var visited = new HashSet<Member>();

            foreach (var chunk in set.InChunks(gate, new Member[random.Next(1, 9)]))
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
            set.Count.Should().Be(members.Count);
        }
    }
}
