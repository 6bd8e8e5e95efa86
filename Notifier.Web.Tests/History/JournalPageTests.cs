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

/// <summary>Pages of the journal are limited in messages and in bytes, over all channels of a pattern.</summary>
public sealed class JournalPageTests
{
    private const string Padding = " ";

    [Theory]
    [InlineData("redis", 7)]
    [InlineData("redis", 40)]
    [InlineData("garnet", 7)]
    public async Task All_pages_together_have_each_message_once_in_order_and_none_is_larger_than_its_limit(string kind, int channels)
    {
        await using var redis = await DurableRedis.StartAsync(kind);
        await using var app = await redis.StartAppAsync("pages.*");
        var journal = app.Services.GetRequiredService<Journal>();
        var start = (await app.WhenJournalExistsAsync()).Id;
        var random = new Random(channels);
        const int messages = 150;
        for (var n = 0; n < messages; n++)
            await PublishAsync(redis, $"pages.{random.Next(channels)}", n, random.Next(10) switch { 0 => random.Next(300_000), < 5 => random.Next(20_000), _ => 0 });

        var read = new List<Message>();
        JournalPage page;
        do
        {
            page = await journal.ReadAsync(Name.Pattern("pages.*"), read.Count == 0 ? start : read[^1].JournalId);
            page.IsWhole.Should().BeTrue();
            page.Messages.Should().NotBeEmpty();
            (page.Messages.Length == 1 || page.Messages.Sum(static message => message.Size) <= Journal.MaxBytes).Should().BeTrue();
            read.AddRange(page.Messages);
        }
        while (!page.IsLast);

        read.Select(Number).Should().Equal(Enumerable.Range(0, messages));
    }

    [Theory]
    [InlineData("redis")]
    [InlineData("garnet")]
    public async Task The_last_messages_of_a_pattern_are_as_many_as_fit_into_a_page_without_a_hole(string kind)
    {
        await using var redis = await DurableRedis.StartAsync(kind);
        await using var app = await redis.StartAppAsync("latest.*");
        var journal = app.Services.GetRequiredService<Journal>();
        await app.WhenJournalExistsAsync();
        var random = new Random(5);
        const int messages = 200;
        for (var n = 0; n < messages; n++)
            await PublishAsync(redis, $"latest.{random.Next(60)}", n, n < 150 ? random.Next(100_000) : 0);

        foreach (var count in new[] { 0, 1, 17, 50, 60, 1_000 })
        {
            var page = await journal.ReadLastAsync(Name.Pattern("latest.*"), count);

            page.Messages.Select(Number).Should().Equal(Enumerable.Range(messages - page.Messages.Length, page.Messages.Length), $"of {count}");
            page.Messages.Length.Should().BeLessThanOrEqualTo(count).And.BeGreaterThanOrEqualTo(Math.Min(count, 50));
            page.Messages.Sum(static message => message.Size).Should().BeLessThanOrEqualTo(Journal.MaxBytes);
        }
    }

    [Fact]
    public async Task A_client_does_not_resume_a_pattern_if_more_than_ten_thousand_channels_have_messages_since_its_position()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: "History:Durable:Channels:0=crowd.*");
        await app.WhenJournalExistsAsync();
        var position = await redis.PublishDurablyAsync("crowd.first", "one");
        var id = JournalPosition.Parse(position)!.Value.Id;
        var redisChannels = redis.Connection.GetDatabase();
        foreach (var some in Enumerable.Range(0, Journal.MaxChannels).Chunk(1_000))
            await redisChannels.SortedSetAddAsync("{notifier}:channels:crowd.", [.. some.Select(n => new StackExchange.Redis.SortedSetEntry($"crowd.{n}", id + 1))]);
        await redis.PublishDurablyAsync("crowd.last", "two");
        await using var client = await JsonClient.ConnectAsync(app);

        var pattern = await client.AskAsync(Json.Subscribe("pattern", "crowd.*", $"\"after\":\"{position}\""));
        var channel = await client.AskAsync(Json.Subscribe("channel", "crowd.last", $"\"after\":\"{position}\""));

        (pattern["recovered"]!.GetValue<bool>(), (string?)pattern["code"]).Should().Be((false, "trimmed"));
        channel["recovered"]!.GetValue<bool>().Should().BeTrue();
        ((string?)(await client.ReadAsync())["data"]).Should().Be("two");
    }

    private static Task<string> PublishAsync(DurableRedis redis, string channel, int number, int bytes) =>
        redis.Connection.PublishDurablyAsync(channel, number.ToString(CultureInfo.InvariantCulture) + string.Concat(Enumerable.Repeat(Padding, bytes)));

    private static int Number(Message message) => int.Parse(Encoding.ASCII.GetString(message.Payload.Span), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture);
}
