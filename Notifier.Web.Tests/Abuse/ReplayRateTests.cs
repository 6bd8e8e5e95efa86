using System.Globalization;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Notifier.Configuration;
using Notifier.History.Durable;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>
/// A client that subscribed to a pattern of thousands of durable channels again and again once used a whole processor of the node, also if it left at once.
/// </summary>
public sealed class ReplayRateTests : IAsyncLifetime
{
    private const int Channels = 900;
    private const string Unsubscribe = """{"type":"unsubscribe","pattern":"orders.*"}""";

    private readonly FakeTimeProvider time = new(DateTimeOffset.UtcNow);
    private RedisServer redis = null!;
    private NotifierApp app = null!;
    private string first = "";

    public async Task InitializeAsync()
    {
        redis = await RedisServer.StartAsync();
        // A visitor may read 3,000 channels at once, and then 50 a second by the test's clock. The other limits are the usual ones, which count real time.
        app = await NotifierApp.StartAsync(
            redis.Configuration, time: time, settings: [.. KnownProxy.Settings, "History:Durable:Channels:0=orders.*"],
            replace: static services => services.AddSingleton(static provider => ActivatorUtilities.CreateInstance<JournalReader>(
                provider, Options.Create(new LimitsOptions { RequestsPerSecond = 1 }))));
        await Eventually.IsAsync(app.IsReadyAsync, "Notifier is ready");
        await app.WhenJournalExistsAsync();
        first = await redis.PublishDurablyAsync("orders.first", "first");
        foreach (var some in Enumerable.Range(0, Channels).Chunk(100))
            await Task.WhenAll(some.Select(n => redis.PublishDurablyAsync($"orders.{n}", $"{n}")));
    }

    public async Task DisposeAsync()
    {
        await app.DisposeAsync();
        await redis.DisposeAsync();
    }

    [Fact]
    public async Task A_client_that_has_read_many_channels_waits_before_it_resumes_misses_nothing_and_receives_live_messages()
    {
        await using var client = await ConnectAsync("198.51.100.2");
        await using var other = await ConnectAsync("198.51.100.3");
        await client.SubscribeAsync("channel", "live.a");
        var resumed = 0;
        for (; resumed < 3; resumed++)
        {
            ((bool?)(await client.AskAsync(Subscribe))["recovered"]).Should().BeTrue();
            await ReadMessagesAsync(client, Channels);
            ((string?)(await client.AskAsync(Unsubscribe))["type"]).Should().Be("unsubscribed");
        }

        await client.SendAsync(Subscribe);
        await Eventually.IsAsync(() => Reader.Waiting == 1, "the client waits");

        // With another position, because clients that want the same page share it.
        var position = JournalPosition.Parse(first)!.Value;
        ((bool?)(await other.AskAsync(SubscribeAfter(position with { Id = position.Id + 1 })))["recovered"]).Should().BeTrue("another visitor does not wait");
        await ReadMessagesAsync(other, Channels);
        await redis.PublishDurablyAsync("orders.first", "meanwhile");
        ((string?)(await other.ReadAsync())["data"]).Should().Be("meanwhile");
        await redis.PublishAsync("live.a", "live");
        ((string?)(await client.ReadAsync())["data"]).Should().Be("live");
        Reader.Waiting.Should().Be(1);
        time.Advance(TimeSpan.FromSeconds(10));
        var answer = await client.ReadAsync();
        ((string?)answer["type"], (bool?)answer["recovered"]).Should().Be(("subscribed", true));
        await ReadMessagesAsync(client, Channels);
        ((string?)(await client.ReadAsync())["data"]).Should().Be("meanwhile");
        app.Log.Says("Clients wait before they resume").Should().BeTrue();
        AbuseTable.Add(
            $"again and again a `subscribe` to a pattern of {Channels} durable channels with an old `after`",
            "50 channels a second for each of `Limits:RequestsPerSecond`, after 60 times as many at once",
            string.Create(CultureInfo.InvariantCulture, $"had to wait after {resumed} times with 50 channels a second"));
    }

    [Fact]
    public async Task A_client_that_may_read_no_more_and_leaves_does_not_wait_any_longer()
    {
        await using var client = await ConnectAsync("198.51.100.2");
        for (var n = 0; n < 3; n++)
        {
            ((string?)(await client.AskAsync(Subscribe))["type"]).Should().Be("subscribed");
            await ReadMessagesAsync(client, Channels);
            await client.AskAsync(Unsubscribe);
        }
        await client.SendAsync(Subscribe);
        await Eventually.IsAsync(() => Reader.Waiting == 1, "the client waits");

        await client.SendAsync(Unsubscribe);

        var replies = new[] { await client.ReadAsync(), await client.ReadAsync() };
        replies.Select(static reply => (string?)reply["code"] ?? (string?)reply["type"]).Should().BeEquivalentTo("unsubscribed", "cancelled");
        Reader.Waiting.Should().Be(0);
    }

    [Fact]
    public async Task A_page_is_read_no_further_when_all_its_clients_have_gone_and_to_its_end_if_one_remains()
    {
        using var gone = new CancellationTokenSource();
        var after = JournalPosition.Parse(first)!.Value.Id;
        Task<JournalPage?> ReadAsync(long after, CancellationToken gone) => Reader.ReadForAsync(new("owner", new object(), 10, gone), Name.Pattern("orders.*"), after);
        var before = await ScriptsAsync();
        await redis.FreezeAsync();
        Task<JournalPage?>[] abandoned;
        Task<JournalPage?> left, remains, later;
        try
        {
            abandoned = [ReadAsync(after, gone.Token), ReadAsync(after, gone.Token)];
            left = ReadAsync(after + 1, gone.Token);
            remains = ReadAsync(after + 1, CancellationToken.None);
            await gone.CancelAsync();
            later = ReadAsync(after, CancellationToken.None);
        }
        finally
        {
            await redis.ThawAsync();
        }

        (await remains)!.Messages.Should().HaveCount(Channels);
        (await later)!.Messages.Should().HaveCount(Channels, "it does not share the read of those that have gone");
        foreach (var read in abandoned)
            await read.Invoking(static read => read).Should().ThrowAsync<OperationCanceledException>();
        await Task.WhenAny(left);       // with the page if its read had begun
        (await ScriptsAsync() - before).Should().BeLessThan(150, "two pages were read, in scripts of 16 channels");
    }

    private string Subscribe => SubscribeAfter(JournalPosition.Parse(first)!.Value);

    private static string SubscribeAfter(JournalPosition position) => Json.Subscribe("pattern", "orders.*", $"\"after\":\"{position}\"");

    private JournalReader Reader => app.Services.GetRequiredService<JournalReader>();

    private static async Task ReadMessagesAsync(JsonClient client, int count)
    {
        for (var n = 0; n < count; n++)
            ((string?)(await client.ReadAsync())["data"]).Should().NotBeNull();
    }

    private Task<JsonClient> ConnectAsync(string address) => JsonClient.ConnectAsync(app, headers: $"X-Forwarded-For: {address}\r\n");

    /// <summary>How many scripts Redis has run.</summary>
    private async Task<long> ScriptsAsync()
    {
        var calls = 0L;
        foreach (var (command, text) in (await redis.Server.InfoAsync("commandstats")).SelectMany(static section => section))
        {
            if (command is "cmdstat_eval" or "cmdstat_evalsha")
                calls += long.Parse(text.Split(',')[0].Split('=')[1], CultureInfo.InvariantCulture);
        }
        return calls;
    }
}
