using System.Globalization;
using System.Text;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Notifier.History.Durable;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.History;

/// <summary>Earlier versions of notifier.lua, which leave out the indexes of channels, and the current one publish on the same Redis.</summary>
public sealed class ChannelIndexTests
{
    private static readonly string[] Channels = ["plain", "a.1", "a.2", "a.b.1", "a.b.c.d.e.f", "a:x/y.1", "b/1", "b/2", "c.", "ab.1"];
    private static readonly string[] Patterns = ["*", "a*", "a.*", "a.b.*", "a.b.c.d.*", "a.b.c.d.e.*", "a?1", "b/*", "[ab]*", "c.*", "*1", "a:x/*"];

    [Theory]
    [InlineData("redis", "", 1)]
    [InlineData("redis", "app:", 2)]
    [InlineData("garnet", "", 3)]
    public async Task Every_page_has_all_messages_whatever_script_has_published_them(string kind, string prefix, int seed)
    {
        await using var redis = await DurableRedis.StartAsync(kind);
        await redis.Connection.CreateEarlierJournalAsync();
        await using var app = await redis.StartAppAsync("*", $"Redis:ChannelPrefix={prefix}");
        var journal = app.Services.GetRequiredService<Journal>();
        var random = new Random(seed);
        var published = new List<(string Channel, long Id)>();
        var start = (await app.WhenJournalExistsAsync()).Id;
        for (var phase = 0; phase < 8; phase++)
        {
            // Sometimes only one of the scripts, so that the indexes are complete at the end of some phases.
            var ofEarlier = random.Next(4) switch { 0 => 0.0, 1 => 1.0, _ => 0.3 };
            for (var n = 0; n < 15; n++)
            {
                var channel = Channels[random.Next(Channels.Length)];
                var position = random.NextDouble() < ofEarlier
                    ? (string)(await redis.Connection.PublishWithEarlierScriptAsync(prefix + channel, ""))[0]!
                    : await redis.Connection.PublishDurablyAsync(prefix + channel, "");
                published.Add((channel, JournalPosition.Parse(position)!.Value.Id));
            }
            foreach (var text in Patterns)
            {
                var (name, pattern) = (Name.Pattern(text), RedisPattern.Parse(text));
                var matching = published.Where(message => pattern.Matches(Encoding.UTF8.GetBytes(message.Channel))).Select(static message => message.Id).ToList();
                var after = random.Next(3) == 0 ? start : published[random.Next(published.Count)].Id;
                var count = random.Next(1, 20);
                var because = string.Create(CultureInfo.InvariantCulture, $"phase {phase}, {text}");

                IdsOf(await journal.ReadAsync(name, after)).Should().Equal(matching.Where(id => id > after), because);
                IdsOf(await journal.ReadLastAsync(name, count)).Should().Equal(matching.TakeLast(count), because);
            }
        }
    }

    [Fact]
    public async Task The_indexes_are_complete_from_the_first_message_that_the_current_script_publishes_after_an_earlier_one()
    {
        await using var redis = await DurableRedis.StartAsync("redis");
        await redis.Connection.CreateEarlierJournalAsync();
        await using var app = await redis.StartAppAsync("*");
        (await app.WhenJournalExistsAsync()).UnindexedUpTo.Should().BeNull("an earlier version has created the journal");

        var earlier = JournalPosition.Parse((string)(await redis.Connection.PublishWithEarlierScriptAsync("a.1", ""))[0]!)!.Value.Id;
        (await app.WhenJournalExistsAsync()).UnindexedUpTo.Should().BeNull();
        await redis.Connection.PublishDurablyAsync("a.1", "");
        await redis.Connection.PublishDurablyAsync("a.2", "");

        (await app.WhenJournalExistsAsync()).UnindexedUpTo.Should().Be(earlier);
    }

    private static IEnumerable<long> IdsOf(JournalPage page) => page.Messages.Select(static message => message.JournalId);
}
