using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>Every invalid command has a defined answer: an error that names the mistake, or a close if the frame is not JSON.</summary>
public sealed class BadCommandTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    public static TheoryData<string, string> Refused { get; } = new()
    {
        { """{"type":"subscribe","id":1}""", """{"type":"error","id":1,"code":"invalid","message":"missing property: channel or pattern"}""" },
        { """{"type":"subscribe","channel":"a","pattern":"a*"}""", """{"type":"error","code":"invalid","message":"send channel or pattern, not both"}""" },
        { """{"type":"subscribe","channel":17,"id":1}""", """{"type":"error","id":1,"code":"invalid","message":"channel must be a string"}""" },
        { """{"type":"subscribe","channel":null}""", """{"type":"error","code":"invalid","message":"channel must be a string"}""" },
        { """{"type":"subscribe","pattern":["a"]}""", """{"type":"error","code":"invalid","message":"pattern must be a string"}""" },
        { """{"type":"subscribe","channel":"a","after":1}""", """{"type":"error","code":"invalid","message":"after must be a string"}""" },
        { """{"type":"subscribe","channel":"a","last":-1}""", """{"type":"error","code":"invalid","message":"last must be a number of messages, 0 or more"}""" },
        { """{"type":"subscribe","channel":"a","last":"1"}""", """{"type":"error","code":"invalid","message":"last must be a number of messages, 0 or more"}""" },
        { """{"type":"subscribe","channel":"a","last":1e99}""", """{"type":"error","code":"invalid","message":"last must be a number of messages, 0 or more"}""" },
        { """{"type":"subscribe","channel":"\ud800","id":1}""", """{"type":"error","id":1,"code":"invalid","message":"channel is not valid Unicode: half of a surrogate pair is missing"}""" },
        { """{"type":"subscribe","channel":"a","channel":"b","id":1}""", """{"type":"error","id":1,"code":"invalid","message":"duplicate property: channel"}""" },
        { """{"type":"subscribe","type":"ping"}""", """{"type":"error","code":"invalid","message":"duplicate property: type"}""" },
        { """{"type":"subscribe","channel":"a\u0000b","id":1}""", """{"type":"error","id":1,"channel":"a\u0000b","code":"malformed","message":"the channel has control characters in it"}""" },
        { """{"type":"subscribe","channel":"a\nb"}""", """{"type":"error","channel":"a\nb","code":"malformed","message":"the channel has control characters in it"}""" },
        { """{"type":"subscribe","pattern":"*a*b*c*d*"}""", """{"type":"error","pattern":"*a*b*c*d*","code":"malformed","message":"the pattern has 5 stars; 4 are allowed"}""" },
        { """{"type":"subscribe","pattern":"a\u0000*","id":1}""", """{"type":"error","id":1,"pattern":"a\u0000*","code":"malformed","message":"the pattern has control characters in it"}""" },
        { """{"type":"unsubscribe","channel":"\udc00"}""", """{"type":"error","code":"invalid","message":"channel is not valid Unicode: half of a surrogate pair is missing"}""" },
        { """{"type":"subscribe","channel":"a","after":"\ud800"}""", """{"type":"error","code":"invalid","message":"after is not valid Unicode: half of a surrogate pair is missing"}""" },
        { """{"\u0074ype":"ping","type":"ping"}""", """{"type":"error","code":"invalid","message":"duplicate property: type"}""" },
        { """{"type":"ping","id":1,"id":2}""", """{"type":"error","id":1,"code":"invalid","message":"duplicate property: id"}""" },
        { """{"type":"subscribe","channel":"__keyspace"}""", """{"type":"error","channel":"__keyspace","code":"forbidden","message":"the channel is reserved: names that begin with __ or notifier: never reach a browser"}""" },
        { """{"type":"unsubscribe","channel":"never.held","id":1}""", """{"type":"error","id":1,"channel":"never.held","code":"notSubscribed","message":"this connection is not subscribed to the name"}""" },
        { """{"type":"auth","token":"abc","id":1}""", """{"type":"error","id":1,"code":"unsupported","message":"this server does not accept tokens"}""" },
        { """{"type":"publish","id":1}""", """{"type":"error","id":1,"code":"unknownType","message":"unknown type: send subscribe, unsubscribe, auth or ping"}""" },
        { """{"type":1,"id":1}""", """{"type":"error","id":1,"code":"invalid","message":"type must be a string"}""" },
        { """{"id":1}""", """{"type":"error","id":1,"code":"invalid","message":"missing property: type (subscribe, unsubscribe, auth or ping)"}""" },
        { """{}""", """{"type":"error","code":"invalid","message":"missing property: type (subscribe, unsubscribe, auth or ping)"}""" },
        { """[]""", """{"type":"error","code":"invalid","message":"a command must be a JSON object"}""" },
        { "\"ping\"", """{"type":"error","code":"invalid","message":"a command must be a JSON object"}""" },
        { "null", """{"type":"error","code":"invalid","message":"a command must be a JSON object"}""" },
        { """{"type":"ping","id":{}}""", """{"type":"error","code":"invalid","message":"id must be a number or a string of at most 128 characters"}""" },
        { """{"type":"ping","id":true}""", """{"type":"error","code":"invalid","message":"id must be a number or a string of at most 128 characters"}""" },
        { """{"type":"ping","id":"\udc00"}""", """{"type":"error","code":"invalid","message":"id is not valid Unicode: half of a surrogate pair is missing"}""" },
        { $$"""{"type":"ping","id":"{{new string('i', 127)}}"}""", """{"type":"error","code":"invalid","message":"id must be a number or a string of at most 128 characters"}""" },
        { $$"""{"type":{{new string('[', 60)}}{{new string(']', 60)}}}""", """{"type":"error","code":"invalid","message":"type must be a string"}""" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task An_invalid_command_is_answered_with_an_error_and_the_connection_stays_open(string command, string answer)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);

        (await client.AskAsync(command)).Bare().Should().Be(answer);

        (await client.AskAsync("""{"type":"ping","id":1e400}""")).Bare().Should().Be("""{"type":"pong","id":1e400}""");
        app.Hub.NameCount.Should().Be(0);
    }

    /// <summary>Later versions of the protocol may add properties.</summary>
    [Theory]
    [InlineData("\"later\":true,\"later\":false")]
    [InlineData("\"later\":\"\\ud800\"")]
    [InlineData("\"later\":\"\\u0000\"")]
    [InlineData("\"TYPE\":\"publish\"")]
    [InlineData(null)]
    public async Task Unknown_fields_in_a_command_are_ignored(string? more)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        more ??= $"\"later\":{new string('[', 60)}{new string(']', 60)}";

        (await client.AskAsync($$"""{{{more}},"type":"ping","id":1}""")).Bare().Should().Be("""{"type":"pong","id":1}""");
    }

    [Theory]
    [InlineData("{")]
    [InlineData("")]
    [InlineData("commands.plain")]
    [InlineData("{\"type\":\"ping\"} {}")]
    [InlineData("{\"type\":\"pi\nng\"}")]
    [InlineData("{'type':'ping'}")]
    [InlineData("{\"type\":\"ping\",}")]
    public async Task A_frame_that_is_not_json_closes_the_connection(string frame)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);

        await client.SendAsync(frame);

        var close = await client.Socket.ReadUntilCloseAsync();
        (close.CloseCode, close.CloseText).Should().Be((4400, "a frame is not JSON, or has more than 64 levels; send commands such as {\"type\":\"ping\"}"));
    }
}
