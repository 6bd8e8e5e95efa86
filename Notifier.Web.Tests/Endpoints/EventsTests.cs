using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary><c>GET /events</c>: an event stream delivers what a WebSocket does.</summary>
public sealed class EventsTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain, "1.1")]
    [InlineData(Listen.Tls, "1.1")]
    [InlineData(Listen.Tls, "2.0")]
    public async Task Payloads_with_any_line_endings_are_delivered_whole_by_event_stream(Listen listen, string version)
    {
        var channel = $"events.lines.{listen}.{version}";
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        using var client = await EventClient.ListenAsync(app, $"?channel={channel}", Version.Parse(version));
        string[] payloads = ["a\nb", "a\rb", "a\r\nb\n\nc", "\n", "", "data: x\n\nid: 1", new string('x', 500_000)];

        foreach (var payload in payloads)
            await Redis.PublishAsync(channel, payload);

        client.Response.Content.Headers.ContentType!.ToString().Should().Be("text/event-stream");
        foreach (var payload in payloads)
        {
            var block = await client.NextBlockAsync();
            ((string?)block.Json["data"]).Should().Be(payload);
            block.Id.Should().NotBeNull().And.Be((string?)block.Json["position"]);
        }
    }

    [Fact]
    public async Task An_event_stream_of_several_names_has_no_ids_and_an_unknown_position_is_not_recovered()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        using var client = await EventClient.OpenAsync(app, "?channel=events.a&pattern=events.b*&after=&after=abc.1");

        EventBlock[] answers = [await client.NextBlockAsync(), await client.NextBlockAsync()];

        answers.Should().OnlyContain(answer => answer.Id == null);
        answers.Select(answer => answer.Json.Bare()).Should().BeEquivalentTo(
            """{"type":"subscribed","channel":"events.a"}""", """{"type":"subscribed","pattern":"events.b*","code":"elsewhere","recovered":false}""");
    }

    [Theory]
    [InlineData("", 400)]
    [InlineData("?channel=", 400)]
    [InlineData("?channel=%FF", 400)]
    [InlineData("?channel=a&channel=%FF", 400)]     // the error could not name the channel
    [InlineData("?channel=__a", 403)]
    [InlineData("?channel=__a&pattern=notifier:*", 403)]
    [InlineData("?channel=%00&channel=__a", 400)]
    public async Task A_rejected_event_stream_request_is_answered_with_a_problem_and_not_a_stream(string query, int status)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        using var client = await EventClient.OpenAsync(app, query);

        ((int)client.Response.StatusCode, client.Response.Content.Headers.ContentType!.MediaType).Should().Be((status, "application/problem+json"));
        ((string?)JsonNode.Parse(await client.ReadAllAsync())!["detail"]).Should().NotBeNullOrEmpty();
    }

    [Fact]
    public async Task A_rejected_name_is_an_error_in_the_event_stream_and_the_others_still_receive()
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration,
            settings: ["environment=Production", "Access:Anonymous:Subscribe:0=events.mine.*", "Limits:NamesPerConnection=2"]);
        using var client = await EventClient.OpenAsync(
            app, "?pattern=events.*&channel=events.mine.1&channel=events.mine.a%0Ab&channel=__a&channel=events.mine.2&channel=events.mine.3");

        var answers = new List<string>();
        while (answers.Count < 6)
            answers.Add((await client.NextAsync()).Bare());

        client.Response.StatusCode.Should().Be(HttpStatusCode.OK);
        answers.Should().BeEquivalentTo(
            """{"type":"error","pattern":"events.*","code":"forbidden","message":"not allowed: events.* also matches events.other"}""",
            """{"type":"subscribed","channel":"events.mine.1"}""",
            """{"type":"error","channel":"events.mine.a\nb","code":"malformed","message":"the channel has control characters in it"}""",
            """{"type":"error","channel":"__a","code":"forbidden","message":"the channel is reserved: names that begin with __ or notifier: never reach a browser"}""",
            """{"type":"subscribed","channel":"events.mine.2"}""",
            """{"type":"error","channel":"events.mine.3","code":"forbidden","message":"limit of 2 names per connection reached"}""");
        await Redis.PublishAsync("events.secret", "not for this client");
        await Redis.PublishAsync("events.mine.2", "hello");
        var message = await client.NextBlockAsync();
        message.Json.Bare().Should().Be("""{"type":"message","channel":"events.mine.2","data":"hello"}""");
        message.Id.Should().BeNull("the address has several names");
    }

    [Fact]
    public async Task An_event_stream_of_several_names_has_no_ids_even_if_only_one_name_is_accepted()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        using var client = await EventClient.OpenAsync(
            app, "?channel=__a&channel=events.left&after=&after=abc.1", headers: ("Last-Event-ID", "abc.2"));

        EventBlock[] answers = [await client.NextBlockAsync(), await client.NextBlockAsync()];

        answers.Should().OnlyContain(answer => answer.Id == null);
        answers.Select(answer => answer.Json.Bare()).Should().Contain("""{"type":"subscribed","channel":"events.left","code":"elsewhere","recovered":false}""");
    }

    [Fact]
    public async Task An_event_stream_above_the_connection_limit_must_retry_until_another_disconnects()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Limits:Connections=1");
        var first = await EventClient.ListenAsync(app, "?channel=events.full");
        using (var refused = await EventClient.OpenAsync(app, "?channel=events.full"))
        {
            var block = await refused.ReadAsync();
            refused.Response.StatusCode.Should().Be(HttpStatusCode.OK);
            ((string?)block.Json["code"], int.Parse(block.Retry!, System.Globalization.CultureInfo.InvariantCulture) >= 1_000).Should().Be(("overloaded", true));
            (await refused.ReadAllAsync()).Should().BeEmpty();
        }

        first.Dispose();

        await Eventually.IsAsync(() => app.Connections.Count == 0, "the client is disconnected");
        using var next = await EventClient.ListenAsync(app, "?channel=events.full");
    }

    [Fact]
    public async Task An_event_stream_opens_while_redis_is_down_and_its_name_is_confirmed_when_redis_starts()
    {
        await using var redis = await RedisServer.CreateAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        using var client = await EventClient.OpenAsync(app, "?channel=events.away");
        (await client.ReadAsync()).Comments.Should().Equal("");

        await redis.StartHostAsync();

        (await client.NextBlockAsync()).Json.Bare().Should().Be("""{"type":"subscribed","channel":"events.away"}""");
    }

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_silent_event_stream_receives_a_comment_every_25_seconds(Listen listen)
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, listen);
        using var client = await EventClient.ListenAsync(app.App, "?channel=events.silent");
        await app.WhenThereAreAsync(1);

        await app.AdvanceAsync(26);

        (await client.ReadAsync()).Comments.Should().Equal("");
        app.Connections.Should().Be(1);
    }

    [Fact]
    public async Task A_slow_event_stream_receives_a_gap_with_the_number_lost_and_continues_with_kept_messages()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "History:Recent:Messages=10");
        using var client = await EventClient.OpenAsync(app, "?channel=events.slow", receiveBuffer: 4096);
        await Eventually.IsAsync(async () => await Redis.SubscribersAsync("events.slow") == 1, "the channel is subscribed");
        for (var n = 0; n < 200; n++)
            await Redis.PublishAsync("events.slow", $"{n} {new string('x', 100_000)}");

        var expected = 0L;
        var hasLost = false;
        while (expected < 200)
        {
            var said = (await client.NextBlockAsync()).Json;
            switch ((string?)said["type"])
            {
                case "gap":
                    ((string?)said["code"]).Should().Be("slow");
                    expected += (long)said["lost"]!;
                    hasLost = true;
                    break;
                case "message":
                    ((string)said["data"]!).Split(' ')[0].Should().Be($"{expected++}");
                    break;
            }
        }
        hasLost.Should().BeTrue();
        app.Connections.Count.Should().Be(1);
    }

    [Fact]
    public async Task An_event_stream_is_subscribed_to_the_default_names_that_are_allowed()
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration,
            settings: ["environment=Production", "Access:Anonymous:Subscribe:0=events.default", "Subscriptions:Default:0=events.default", "Subscriptions:Default:1=events.secret"]);
        using var client = await EventClient.OpenAsync(app, "");

        (await client.NextBlockAsync()).Json.Bare().Should().Be("""{"type":"subscribed","channel":"events.default"}""");
        app.Hub.NameCount.Should().Be(1);
    }

    [Fact]
    public async Task An_event_stream_receives_closing_with_a_retry_time_at_shutdown_and_ends()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        using var client = await EventClient.ListenAsync(app, "?channel=events.closing");

        var stopping = app.StopAsync();
        var block = await client.NextBlockAsync();

        ((string?)block.Json["type"]).Should().Be("closing");
        int.Parse(block.Retry!, System.Globalization.CultureInfo.InvariantCulture).Should().BeInRange(1_000, 5_000);
        (await client.ReadAllAsync()).Should().BeEmpty();
        await stopping.WaitAsync(Eventually.Limit);
    }

    /// <summary>
    /// EventSource keeps the latest time that it was sent. After a shutdown that told it 50 ms, it reconnected every 50 ms for the rest of the page's life.
    /// </summary>
    [Fact]
    public async Task An_event_stream_sets_the_reconnection_time_to_3_seconds_at_its_start_and_never_below_one_second()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        using var client = await EventClient.OpenAsync(app, "?channel=events.retry");

        (await client.ReadAsync()).Retry.Should().Be("3000");

        foreach (var (seconds, retry) in new[] { (0.0, 1_000), (0.05, 1_000), (1.5, 1_500) })
            Encoding.UTF8.GetString(EventStream.Format.Announce(CloseReason.GoingAway(seconds))).Should().StartWith($"retry: {retry}\ndata: ");
    }

    /// <summary>Compressing middleware holds a stream back until it ends.</summary>
    [Fact]
    public async Task An_event_stream_forbids_that_others_transform_or_store_it()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Limits:Connections=1");
        using var client = await EventClient.ListenAsync(app, "?channel=events.transform");
        using var refused = await EventClient.OpenAsync(app, "?channel=events.transform");

        foreach (var response in new[] { client.Response, refused.Response })
            response.Headers.CacheControl.Should().BeEquivalentTo(new { NoTransform = true, NoStore = true });
    }
}
