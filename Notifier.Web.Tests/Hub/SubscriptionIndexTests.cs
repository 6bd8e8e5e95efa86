using System.Text;
using CsCheck;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Notifier.Hub;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>The index finds the same subscriptions as a comparison with each name.</summary>
public sealed class SubscriptionIndexTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private static readonly Gen<string> Channel = Gen.OneOf("a", "b", "aa", "ab", ".", "é").Array[1, 5].Select(string.Concat);

    private static readonly Gen<Name> AnyName = Gen.OneOf(
        Channel.Select(Name.Channel),
        Gen.OneOf("a", "b", "aa", ".", "?", "*", "[ab]", "é").Array[1, 5].Select(parts => Name.Pattern(string.Concat(parts))));

    [Fact]
    public async Task The_index_finds_the_same_subscriptions_as_a_full_scan_while_names_are_added_and_removed()
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        var traits = app.Services.GetRequiredService<SubscriptionContext>();
        var matches = 0;

        Gen.Select(AnyName.Array[0, 30], Gen.Int[0, 30], Channel.Array[1, 20]).Sample(
            (names, leaving, channels) =>
            {
                var index = new SubscriptionIndex();
                var present = names.Distinct().Select(name => new Subscription(name, traits)).ToList();
                present.ForEach(index.Add);
                foreach (var subscription in present.Take(leaving).ToList())
                {
                    index.Remove(subscription);
                    present.Remove(subscription);
                }

                index.Count.Should().Be(present.Count);
                index.ToHashSet().SetEquals(present).Should().BeTrue();
                foreach (var channel in channels.Select(Encoding.UTF8.GetBytes))
                {
                    var found = new List<Subscription>();
                    index.Find(channel, found);
                    matches += found.Count;
                    found.Select(subscription => subscription.Name).Should().BeEquivalentTo(
                        present.Where(subscription => Matches(subscription, channel)).Select(subscription => subscription.Name));
                }
            },
            iter: 1_000, threads: 1);

        matches.Should().BeGreaterThan(1_000);
    }

    private static bool Matches(Subscription subscription, byte[] channel) =>
        subscription.Pattern?.Matches(channel) ?? Encoding.UTF8.GetBytes(subscription.Name.Text).SequenceEqual(channel);
}
