using System.Net;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary><c>GET /events</c>: what a WebSocket gets, as an event stream.</summary>
[Collection(UsesRedis.Name)]
public sealed class EventsTests(RedisFixture fixture)
{
    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain, "1.1")]
    [InlineData(Listen.Tls, "1.1")]
    [InlineData(Listen.Tls, "2.0")]
    public async Task Payloads_come_whole_whatever_line_ends_they_have(Listen listen, string version)
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
    public async Task With_several_names_there_are_no_ids_and_after_is_not_recovered()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        using var client = await EventClient.OpenAsync(app, "?channel=events.a&pattern=events.b*&after=&after=abc.1");

        EventBlock[] answers = [await client.NextBlockAsync(), await client.NextBlockAsync()];

        answers.Should().OnlyContain(answer => answer.Id == null);
        answers.Select(answer => answer.Json.Bare()).Should().BeEquivalentTo(
            """{"type":"subscribed","channel":"events.a"}""", """{"type":"subscribed","pattern":"events.b*","recovered":false}""");
    }

    [Theory]
    [InlineData("", 400)]
    [InlineData("?channel=", 400)]
    [InlineData("?channel=%FF", 400)]
    [InlineData("?channel=__a", 403)]
    public async Task What_is_refused_is_a_problem_and_no_stream(string query, int status)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        using var client = await EventClient.OpenAsync(app, query);

        ((int)client.Response.StatusCode, client.Response.Content.Headers.ContentType!.MediaType).Should().Be((status, "application/problem+json"));
        ((string?)JsonNode.Parse(await client.ReadAllAsync())!["detail"]).Should().NotBeNullOrEmpty();
    }

    [Fact]
    public async Task One_connection_too_many_is_told_in_a_stream_and_who_goes_away_makes_room()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Limits:Connections=1");
        var first = await EventClient.ListenAsync(app, "?channel=events.full");
        using (var refused = await EventClient.OpenAsync(app, "?channel=events.full"))
        {
            var block = await refused.ReadAsync();
            refused.Response.StatusCode.Should().Be(HttpStatusCode.OK);
            ((string?)block.Json["code"], int.Parse(block.Retry!, System.Globalization.CultureInfo.InvariantCulture) > 0).Should().Be(("overloaded", true));
            (await refused.ReadAllAsync()).Should().BeEmpty();
        }

        first.Dispose();

        await Eventually.IsAsync(() => app.Connections.Count == 0, "it is gone");
        using var next = await EventClient.ListenAsync(app, "?channel=events.full");
    }

    [Fact]
    public async Task At_shutdown_it_is_told_when_to_come_back_and_the_stream_ends()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        using var client = await EventClient.ListenAsync(app, "?channel=events.closing");

        var stopping = app.StopAsync();
        var block = await client.NextBlockAsync();

        ((string?)block.Json["type"]).Should().Be("closing");
        block.Retry.Should().NotBeNull();
        (await client.ReadAllAsync()).Should().BeEmpty();
        await stopping.WaitAsync(Eventually.Limit);
    }
}
