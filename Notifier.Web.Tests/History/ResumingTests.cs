using System.Globalization;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.History;

/// <summary>A client reconnects with the position of the last message that it received, and misses no message.</summary>
public sealed class ResumingTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData("channel", "resume.one")]
    [InlineData("pattern", "resume.o*")]
    public async Task A_client_that_reconnects_receives_missed_messages_first_and_new_messages_after_them(string kind, string name)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        string position;
        await using (var before = await JsonClient.ConnectAsync(app))
        {
            await before.SubscribeAsync(kind, name);
            await PublishAsync("resume.one", 0, 3);
            position = (string)(await before.ReadNumbersAsync(0, 3))["position"]!;
        }
        await Eventually.IsAsync(() => app.Connections.Count == 0, "the client is disconnected");
        await PublishAsync("resume.one", 3, 100);
        await using var witness = await JsonClient.ConnectAsync(app);
        (await witness.AskAsync(Json.Subscribe(kind, name, $"\"last\":1")))["recovered"].Should().BeNull("the client sent no position");
        // The witness receives the latest message that has arrived at the node, and then the others.
        while ((string?)(await witness.ReadAsync())["data"] != "99")
        {
        }

        await using var client = await JsonClient.ConnectAsync(app);
        var subscribed = await client.AskAsync(Json.Subscribe(kind, name, $"\"after\":\"{position}\""));
        await PublishAsync("resume.one", 100, 110);

        ((bool?)subscribed["recovered"]).Should().BeTrue();
        ((string?)subscribed["position"]).Should().Be(position);
        await client.ReadNumbersAsync(3, 110);
    }

    [Fact]
    public async Task Five_hundred_reconnects_under_traffic_lose_repeat_and_reorder_no_message()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var keeper = await JsonClient.ConnectAsync(app);
        await keeper.SubscribeAsync("channel", "resume.traffic");
        using var enough = new CancellationTokenSource();
        var traffic = Task.Run(async () =>
        {
            using var pace = RealTime.Pace(TimeSpan.FromMilliseconds(5));
            for (var n = 0; !enough.IsCancellationRequested; n += 5)
            {
                await PublishAsync("resume.traffic", n, n + 5);
                await pace.WaitForNextTickAsync(CancellationToken.None);
            }
        });
        var random = new Random(17);
        var seeds = Enumerable.Range(0, 10).Select(_ => random.Next()).ToList();

        await Task.WhenAll(seeds.Select(seed => ComeAndGoAsync(app, new Random(seed), 50)));

        await enough.CancelAsync();
        await traffic;
    }

    [Fact]
    public async Task A_client_receives_as_many_of_the_requested_last_messages_as_are_kept()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var keeper = await JsonClient.ConnectAsync(app);
        await keeper.SubscribeAsync("channel", "resume.last");
        await PublishAsync("resume.last", 0, 5);
        await keeper.ReadNumbersAsync(0, 5);

        foreach (var (last, first) in new[] { (0, 5), (1, 4), (3, 2), (5, 0), (100, 0) })
        {
            await using var client = await JsonClient.ConnectAsync(app);
            await client.AskAsync(Json.Subscribe("channel", "resume.last", $"\"last\":{last}"));
            await client.ReadNumbersAsync(first, 5);
            (await client.AskAsync("""{"type":"ping"}""")).Bare().Should().Be("""{"type":"pong"}""");
        }
    }

    [Fact]
    public async Task An_invalid_position_or_one_of_an_earlier_log_recovers_nothing_and_repeats_nothing()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Redis:Linger=00:00:00");
        string position;
        await using (var before = await JsonClient.ConnectAsync(app))
        {
            await before.SubscribeAsync("channel", "resume.lives");
            await PublishAsync("resume.lives", 0, 3);
            position = (string)(await before.ReadNumbersAsync(0, 3))["position"]!;
        }
        await Eventually.IsAsync(() => app.Hub.NameCount == 0, "the name has left");
        await using var keeper = await JsonClient.ConnectAsync(app);
        await keeper.SubscribeAsync("channel", "resume.lives");
        await PublishAsync("resume.lives", 0, 5);
        var beyond = ((string)(await keeper.ReadNumbersAsync(0, 5))["position"]!).Split('.')[0] + ".6";

        foreach (var after in new[] { position, beyond, "nonsense", "a.b", ".1", "", beyond.Split('.')[0] + ".-1", beyond.Split('.')[0] + ".99999999999999999999" })
        {
            await using var client = await JsonClient.ConnectAsync(app);
            var subscribed = await client.AskAsync(Json.Subscribe("channel", "resume.lives", $"\"after\":\"{after}\""));
            ((bool?)subscribed["recovered"]).Should().BeFalse(after);
            (await client.AskAsync("""{"type":"ping"}""")).Bare().Should().Be("""{"type":"pong"}""");
        }
    }

    [Fact]
    public async Task A_client_with_an_unknown_position_receives_the_last_messages_that_it_requests()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var keeper = await JsonClient.ConnectAsync(app);
        await keeper.SubscribeAsync("channel", "resume.both");
        await PublishAsync("resume.both", 0, 5);
        await keeper.ReadNumbersAsync(0, 5);
        await using var client = await JsonClient.ConnectAsync(app);

        ((bool?)(await client.AskAsync(Json.Subscribe("channel", "resume.both", "\"after\":\"x.1\",\"last\":2")))["recovered"]).Should().BeFalse();

        await client.ReadNumbersAsync(3, 5);
    }

    [Fact]
    public async Task Trimmed_messages_are_not_recovered_and_the_remaining_ones_are_delivered()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "History:Recent:Messages=10");
        await using var keeper = await JsonClient.ConnectAsync(app);
        var position = (string)(await keeper.SubscribeAsync("channel", "resume.trimmed"))["position"]!;
        // Not all at once: a keeper that is behind by more than the log has would receive a gap.
        await PublishAsync("resume.trimmed", 0, 10);
        await keeper.ReadNumbersAsync(0, 10);
        await PublishAsync("resume.trimmed", 10, 15);
        await keeper.ReadNumbersAsync(10, 15);
        await using var client = await JsonClient.ConnectAsync(app);

        ((bool?)(await client.AskAsync(Json.Subscribe("channel", "resume.trimmed", $"\"after\":\"{position}\"")))["recovered"]).Should().BeFalse();

        await client.ReadNumbersAsync(5, 15);
    }

    [Fact]
    public async Task A_position_before_a_gap_does_not_recover_and_the_gap_is_delivered_in_its_place()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await using var keeper = await JsonClient.ConnectAsync(app);
        var position = (string)(await keeper.SubscribeAsync("channel", "resume.gap"))["position"]!;
        await redis.KillAsync();
        await redis.StartHostAsync();
        ((string?)(await keeper.ReadAsync())["type"]).Should().Be("gap");
        await redis.PublishAsync("resume.gap", "after");
        var after = (string)(await keeper.ReadAsync())["position"]!;
        await using var client = await JsonClient.ConnectAsync(app);
        await using var later = await JsonClient.ConnectAsync(app);

        ((bool?)(await client.AskAsync(Json.Subscribe("channel", "resume.gap", $"\"after\":\"{position}\"")))["recovered"]).Should().BeFalse();
        (await client.ReadAsync()).Bare().Should().Be("""{"type":"gap","channel":"resume.gap","code":"redis"}""");
        ((string?)(await client.ReadAsync())["data"]).Should().Be("after");
        ((bool?)(await later.AskAsync(Json.Subscribe("channel", "resume.gap", $"\"after\":\"{after}\"")))["recovered"]).Should().BeTrue("the position is after the gap");
    }

    [Fact]
    public async Task A_page_that_reloads_receives_the_messages_published_while_its_name_lingered()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        string position;
        await using (var before = await JsonClient.ConnectAsync(app))
            position = (string)(await before.SubscribeAsync("channel", "resume.reload"))["position"]!;
        await Eventually.IsAsync(() => app.Connections.Count == 0, "the client is disconnected");
        await PublishAsync("resume.reload", 0, 20);

        await using var after = await JsonClient.ConnectAsync(app);
        ((bool?)(await after.AskAsync(Json.Subscribe("channel", "resume.reload", $"\"after\":\"{position}\"")))["recovered"]).Should().BeTrue();
        await after.ReadNumbersAsync(0, 20);
    }

    /// <summary>A client that repeatedly connects with its last position, reads some messages, and disconnects or aborts.</summary>
    private static async Task ComeAndGoAsync(NotifierApp app, Random random, int times)
    {
        string? position = null;
        long? last = null;
        for (var time = 0; time < times; time++)
        {
            await using var client = await JsonClient.ConnectAsync(app);
            var subscribed = await client.AskAsync(Json.Subscribe("channel", "resume.traffic", position is null ? "\"last\":0" : $"\"after\":\"{position}\""));
            if (position is not null)
                ((bool?)subscribed["recovered"]).Should().BeTrue();
            for (var reading = random.Next(1, 40); reading > 0; reading--)
            {
                var said = await client.ReadAsync();
                var number = long.Parse((string)said["data"]!, CultureInfo.InvariantCulture);
                if (last is not null)
                    number.Should().Be(last.Value + 1);
                (last, position) = (number, (string)said["position"]!);
            }
            if (random.Next(2) == 0)
                client.Socket.Abort();
        }
    }

    private async Task PublishAsync(string channel, int from, int to) =>
        await Redis.PublishAllAsync(channel, Enumerable.Range(from, to - from).Select(n => (StackExchange.Redis.RedisValue)$"{n}"));
}
