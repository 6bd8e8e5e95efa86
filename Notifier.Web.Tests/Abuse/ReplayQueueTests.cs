using System.Diagnostics;
using System.Text;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Notifier.History.Durable;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>
/// A visitor once could queue any number of reads of the journal, by subscribing with ever new positions and unsubscribing. They went on after the visitor
/// had left, and others waited for them.
/// </summary>
public sealed class ReplayQueueTests : IAsyncLifetime
{
    /// <summary>The positions after the first message that are known to the journal.</summary>
    private const int Positions = 90;

    private RedisServer redis = null!;
    private NotifierApp app = null!;
    private JournalPosition first;

    public async Task InitializeAsync()
    {
        redis = await RedisServer.StartAsync();
        app = await Publishing.StartAsync(redis.Configuration, [.. KnownProxy.Settings, "History:Durable:Channels:0=orders.*"]);
        await app.WhenJournalExistsAsync();
        first = JournalPosition.Parse(await redis.PublishDurablyAsync("orders.first", "first"))!.Value;
        for (var n = 0; n < 200; n++)
            await redis.PublishDurablyAsync($"orders.{n}", new string('x', 3_000));
    }

    public async Task DisposeAsync()
    {
        await app.DisposeAsync();
        await redis.DisposeAsync();
    }

    [Fact]
    public async Task A_client_has_one_waiting_read_for_each_of_its_names_and_none_after_it_has_left()
    {
        await using var subscribed = await ConnectAsync("198.51.100.1");
        await subscribed.SubscribeAsync("pattern", "orders.*");
        await using var client = await ConnectAsync("198.51.100.2");
        await redis.FreezeAsync();
        try
        {
            await SendAsync(client, [.. Again(0), Subscribe(Positions)]);
            for (var left = Positions; left > 0;)
                left -= (string?)(await client.ReadAsync())["type"] == "unsubscribed" ? 1 : 0;
            Reader.Waiting.Should().BeLessThanOrEqualTo(1, "at most the read of the subscribed name waits");

            await client.DisposeAsync();
            await Eventually.IsAsync(() => Reader.Waiting == 0, "no read of the client waits");
        }
        finally
        {
            await redis.ThawAsync();
        }

        await using var other = await ConnectAsync("198.51.100.3");
        ((bool?)(await other.AskAsync(Subscribe(0)))["recovered"]).Should().BeTrue();
    }

    [Fact]
    public async Task A_client_that_unsubscribes_before_its_read_begins_is_answered()
    {
        await using var client = await ConnectAsync("198.51.100.2");
        await client.SubscribeAsync("pattern", "orders.*");
        await using var again = await ConnectAsync("198.51.100.2");

        await SendAsync(again, Again(0));

        var replies = new List<string>();
        while (replies.Count < 2 * Positions)
        {
            var reply = await again.ReadAsync();
            if ((string?)reply["type"] is "subscribed" or "unsubscribed" or "error")
                replies.Add((string?)reply["code"] ?? (string)reply["type"]!);
        }
        replies.Count(static reply => reply == "unsubscribed").Should().Be(Positions);
        replies.Should().OnlyContain(static reply => reply == "unsubscribed" || reply == "subscribed" || reply == "cancelled");
    }

    [Fact]
    public async Task A_client_resumes_at_once_while_another_address_queues_reads()
    {
        var greedy = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => ConnectAsync("198.51.100.2")));
        foreach (var (client, n) in greedy.Select(static (client, n) => (client, n)))
            await SendAsync(client, Again(n));

        var slowest = TimeSpan.Zero;
        for (var n = 0; n < 5; n++)
        {
            await using var modest = await ConnectAsync("198.51.100.3");
            var began = Stopwatch.GetTimestamp();
            ((bool?)(await modest.AskAsync(Json.Subscribe("channel", "orders.7", $"\"after\":\"{first}\"")))["recovered"]).Should().BeTrue();
            slowest = TimeSpan.FromTicks(Math.Max(slowest.Ticks, Stopwatch.GetElapsedTime(began).Ticks));
        }
        foreach (var client in greedy)
            await client.DisposeAsync();

        await Eventually.IsAsync(() => Reader.Waiting == 0, "no read of these clients waits");
        AbuseTable.Add(
            "20 connections subscribe to a pattern of 200 durable channels and unsubscribe, 90 times each, with a new `after` each time",
            "a page at a time for each subscribed name, two at once for the visitor, none after the connections have ended; no wait for other addresses",
            $"another visitor resumed in {slowest.TotalMilliseconds:0} ms");
        slowest.Should().BeLessThan(TimeSpan.FromSeconds(2));
    }

    private JournalReader Reader => app.Services.GetRequiredService<JournalReader>();

    private IEnumerable<string> Again(int from) =>
        Enumerable.Range(from, Positions).SelectMany(n => (string[])[Subscribe(n), """{"type":"unsubscribe","pattern":"orders.*"}"""]);

    private string Subscribe(int n) => Json.Subscribe("pattern", "orders.*", $"\"after\":\"{first with { Id = first.Id + n }}\"");

    private static Task SendAsync(JsonClient client, IEnumerable<string> commands) =>
        client.Socket.SendRawAsync([.. commands.SelectMany(static command => RawWebSocket.Masked(Frame.TextOpcode, Encoding.UTF8.GetBytes(command)))]);

    private Task<JsonClient> ConnectAsync(string address) => JsonClient.ConnectAsync(app, headers: $"X-Forwarded-For: {address}\r\n");
}
