using System.Globalization;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.History;

/// <summary>A client comes back with the position of the last message it has, and misses nothing.</summary>
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
        await Eventually.IsAsync(() => app.Connections.Count == 0, "it is gone");
        await PublishAsync("resume.one", 3, 100);
        await using var witness = await JsonClient.ConnectAsync(app);
        (await witness.AskAsync(Json.Subscribe(kind, name, $"\"last\":1")))["recovered"].Should().BeNull("it gave no position");
        // The latest of those that have arrived, and then the others.
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
            using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
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
        await Eventually.IsAsync(() => app.Hub.Names == 0, "the name has left");
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
        await PublishAsync("resume.trimmed", 0, 15);
        await keeper.ReadNumbersAsync(0, 15);
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
        ((bool?)(await later.AskAsync(Json.Subscribe("channel", "resume.gap", $"\"after\":\"{after}\"")))["recovered"]).Should().BeTrue("that is behind it");
    }

    [Fact]
    public async Task A_page_that_reloads_receives_the_messages_published_while_its_name_lingered()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        string position;
        await using (var before = await JsonClient.ConnectAsync(app))
            position = (string)(await before.SubscribeAsync("channel", "resume.reload"))["position"]!;
        await Eventually.IsAsync(() => app.Connections.Count == 0, "it is gone");
        await PublishAsync("resume.reload", 0, 20);

        await using var after = await JsonClient.ConnectAsync(app);
        ((bool?)(await after.AskAsync(Json.Subscribe("channel", "resume.reload", $"\"after\":\"{position}\"")))["recovered"]).Should().BeTrue();
        await after.ReadNumbersAsync(0, 20);
    }

    [Fact]
    public async Task An_event_stream_resumes_one_name_by_last_event_id_and_several_names_by_after()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var keeper = await JsonClient.ConnectAsync(app);
        var one = (string)(await keeper.SubscribeAsync("channel", "resume.sse1"))["position"]!;
        await keeper.SubscribeAsync("channel", "resume.sse2");
        await PublishAsync("resume.sse1", 0, 3);
        await keeper.ReadNumbersAsync(0, 3);
        using var http = new HttpClient();

        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, "/events?channel=resume.sse1"));
        request.Headers.Add("Last-Event-ID", one);
        using var single = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var events = await ReadEventsAsync(single, 4);
        events[0].Should().Contain("\"recovered\":true");
        events[1..].Select(static said => (string?)JsonNode.Parse(said)!["data"]).Should().Equal("0", "1", "2");

        using var several = await http.GetAsync(
            new Uri(app.Address, $"/events?channel=resume.sse2&channel=resume.sse1&after=&after={one}"), HttpCompletionOption.ResponseHeadersRead);
        events = await ReadEventsAsync(several, 5);
        events.Count(static said => said.Contains("\"type\":\"message\"", StringComparison.Ordinal)).Should().Be(3);
        events.Should().ContainSingle(static said => said.Contains("\"recovered\"", StringComparison.Ordinal))
            .Which.Should().Contain("resume.sse1").And.Contain("\"recovered\":true");
    }

    [Fact]
    public async Task An_event_stream_begins_with_the_last_messages_of_each_name_that_requests_them()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var keeper = await JsonClient.ConnectAsync(app);
        await keeper.SubscribeAsync("channel", "resume.sselast");
        await PublishAsync("resume.sselast", 0, 5);
        await keeper.ReadNumbersAsync(0, 5);

        using var events = await EventClient.OpenAsync(app, "?channel=resume.none&channel=resume.sselast&last=&last=2");
        var said = new[] { await events.NextAsync(), await events.NextAsync(), await events.NextAsync(), await events.NextAsync() };
        said.Select(static one => (string?)one["data"]).Where(static data => data is not null).Should().Equal("3", "4");
        using var wrong = await EventClient.OpenAsync(app, "?channel=resume.sselast&last=-1");
        wrong.Response.StatusCode.Should().Be(System.Net.HttpStatusCode.BadRequest);
        (await wrong.ReadAllAsync()).Should().Contain("last must be a number of messages");
    }

    /// <summary>Comes with its last position, reads some, and is gone in the middle of it, again and again.</summary>
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

    private static async Task<List<string>> ReadEventsAsync(HttpResponseMessage answer, int count)
    {
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        var events = new List<string>();
        while (events.Count < count)
        {
            var line = await reader.ReadLineAsync().WaitAsync(Eventually.Limit);
            if (line!.StartsWith("data: ", StringComparison.Ordinal))
                events.Add(line["data: ".Length..]);
        }
        return events;
    }

    private async Task PublishAsync(string channel, int from, int to) =>
        await Redis.PublishAllAsync(channel, Enumerable.Range(from, to - from).Select(n => (StackExchange.Redis.RedisValue)$"{n}"));
}
