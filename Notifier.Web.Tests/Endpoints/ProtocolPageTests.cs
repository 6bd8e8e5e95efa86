using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FluentAssertions;
using Notifier.Endpoints.Sessions;
using Notifier.Messages;
using Notifier.Names;
using Xunit;
using Xunit.Sdk;

namespace Notifier.Tests.Endpoints;

/// <summary>The server behaves as docs/protocol.md shows, and the page shows everything that the server can send.</summary>
public sealed partial class ProtocolPageTests
{
    private static readonly ProtocolPage Page = ProtocolPage.Read();

    /// <summary>The number of the example's first line on the page.</summary>
    public static TheoryData<int> Examples => [.. Page.Examples.Select(example => example.At)];

    [Theory]
    [MemberData(nameof(Examples))]
    public Task An_example_of_the_protocol_page_matches_what_the_server_does(int at) => PlayAsync(Page.Examples.Single(example => example.At == at));

    [Fact]
    public void The_protocol_page_has_examples_of_each_kind()
    {
        foreach (var kind in ProtocolPage.Kinds)
            Page.Examples.Count(example => example.Kind == kind).Should().BeGreaterThan(4, kind);
    }

    [Theory]
    [InlineData("< {\"type\":\"subscribed\",\"channel\":\"other\",\"position\":\"…\"}")]
    [InlineData("< {\"type\":\"subscribed\",\"channel\":\"news\"}")]
    [InlineData("< {\"type\":\"subscribed\",\"channel\":\"news\",\"position\":\"…\",\"recovered\":false}")]
    [InlineData("< close 4400 …")]
    [InlineData("< {\"type\":\"subscribed\",\"channel\":\"news\",\"position\":\"…\"}\n> {\"type\":\"ping\"}")]
    public async Task A_wrong_or_incomplete_example_of_the_protocol_page_fails(string wrong)
    {
        var page = ProtocolPage.Parse($"```notifier\n> {{\"type\":\"subscribe\",\"channel\":\"news\"}}\n{wrong}\n```".Split('\n'));

        var playing = () => PlayAsync(page.Examples.Single());

        await playing.Should().ThrowAsync<XunitException>();
    }

    [Theory]
    [InlineData("```notifier\n> {\"type\":\"ping\"}\n```")]
    [InlineData("```notifier\n{\"type\":\"ping\"}\n< {\"type\":\"pong\"}\n```")]
    [InlineData("```notifier\n>{\"type\":\"ping\"}\n< {\"type\":\"pong\"}\n```")]
    [InlineData("```notifier\n\n< {\"type\":\"pong\"}\n```")]
    [InlineData("```notifer\n> {\"type\":\"ping\"}\n< {\"type\":\"pong\"}\n```")]
    [InlineData("```\n> {\"type\":\"ping\"}\n< {\"type\":\"pong\"}\n```")]
    [InlineData("```notifier\n> {\"type\":\"ping\"}\n< {\"type\":\"pong\"}")]
    public void A_malformed_example_of_the_protocol_page_is_an_error(string page) =>
        new Action(() => ProtocolPage.Parse(page.Split('\n'))).Should().Throw<FormatException>();

    [Fact]
    public async Task An_unknown_action_in_an_example_of_the_protocol_page_is_an_error()
    {
        var page = ProtocolPage.Parse(["```notifier", "! sing", "< {\"type\":\"pong\"}", "```"]);

        var playing = () => PlayAsync(page.Examples.Single());

        await playing.Should().ThrowAsync<FormatException>();
    }

    [Fact]
    public void Every_frame_type_that_the_server_can_send_is_shown_on_the_protocol_page() =>
        Shown(TypeOf()).Should().BeEquivalentTo(ConstantsOf<string>(typeof(ServerTypes)));

    [Fact]
    public void Every_code_is_explained_on_the_protocol_page_and_shown_if_an_example_can_provoke_it()
    {
        string[] gaps = [.. Enum.GetValues<GapCode>().Where(gap => gap != GapCode.None).Select(CodeOf)];
        var codes = ConstantsOf<string>(typeof(ServerCodes)).Union(gaps).ToList();

        Page.Rows.Should().Contain(codes);
        string[] notProvoked = [ServerCodes.Internal, CodeOf(GapCode.Overload)];    // bugs of Notifier, and 100,000 waiting messages
        Shown(Code()).Should().BeEquivalentTo(codes.Except(notProvoked));
    }

    [Fact]
    public void Every_close_code_but_the_internal_one_is_shown_on_the_protocol_page() =>
        Shown(Close()).Should().BeEquivalentTo(
            Enum.GetValues<CloseCode>().Except([CloseCode.Internal]).Select(static code => $"{(ushort)code}"),
            "docs/protocol.md has an example that ends with \"< close <code> …\" for each CloseCode");

    /// <summary>The server chooses the wire format of an example as it does for a client.</summary>
    [Fact]
    public void Every_wire_format_has_a_section_with_an_example_on_the_protocol_page()
    {
        var shown = Page.Examples.Where(static example => example.Kind != "http").ToLookup(ProtocolOf, static example => example.Section);

        WebSocketProtocols.All.Where(protocol => !shown.Contains(protocol)).Select(static protocol => protocol.GetType().Name).Should().BeEmpty(
            "docs/protocol.md needs a section with an example for each entry of WebSocketProtocols; "
            + "a new kind of example is an entry of ProtocolPage.Kinds, and ExampleSetup.Opening has the subprotocol that it offers");
        WebSocketProtocols.All.Select(protocol => shown[protocol].First()).Should().OnlyHaveUniqueItems(
            "docs/protocol.md describes each entry of WebSocketProtocols in a section (##) of its own, which begins with examples of that format");
    }

    private static WebSocketProtocol ProtocolOf(Example example)
    {
        var (path, offered, _) = ExampleSetup.Opening(example);
        return WebSocketProtocols.Routes.Single(route => route.Path == path.Split('?')[0]).Choose(offered?.Split(", ") ?? []);
    }

    /// <summary>Runs the example, and compares everything that the server sends.</summary>
    private static async Task PlayAsync(Example example)
    {
        await using var stage = await ExampleSetup.SetAsync(example);
        var showsPings = example.Lines.Any(line => line is { Actor: Actor.Server, Text: """{"type":"ping"}""" });
        await using IExamplePeer peer = example.Kind == "http" ? new HttpPeer(stage.App.Address) : await SocketPeer.ConnectAsync(stage, showsPings);
        var isWelcome = example.Lines.Any(line => line.Text.Contains("\"welcome\"", StringComparison.Ordinal));
        if (example.Kind == "notifier" && !isWelcome && !ClosesAtOnce(example))
            (await peer.ReadAsync()).Should().StartWith("""{"type":"welcome",""");
        var position = "";
        var passesOver = false;
        foreach (var (actor, text) in example.Lines)
        {
            if (actor == Actor.SomebodyElse)
                await stage.DoAsync(text);
            else if (actor == Actor.Client)
                await peer.SendAsync(text.Replace(ExampleText.Unknown, position, StringComparison.Ordinal));
            else if (text == ExampleText.Unknown)
                passesOver = true;
            else
            {
                var said = await peer.ReadAsync();
                while (passesOver && !ExampleText.Matches(text, said))
                    said = await peer.ReadAsync();
                passesOver = false;
                if (!ExampleText.Matches(text, said))
                    throw new XunitException($"The example at line {example.At} of the page says\n  {text}\nand the server says\n  {said}");
                position = Position().Match(said) is { Success: true } found ? found.Groups["value"].Value : position;
            }
        }
        (await peer.ReadRestAsync()).Should().BeEmpty($"the example at line {example.At} shows everything");
    }

    /// <summary>A rejected connection gets no welcome.</summary>
    private static bool ClosesAtOnce(Example example) =>
        example.Lines.All(line => line.Actor != Actor.Client) && example.Lines.First(line => line.Actor == Actor.Server).Text.StartsWith("close 44", StringComparison.Ordinal);

    private static IEnumerable<string> Shown(Regex what) => Page.Examples
        .SelectMany(example => example.Lines)
        .Where(line => line.Actor == Actor.Server)
        .Select(line => what.Match(line.Text))
        .Where(match => match.Success)
        .Select(match => match.Groups["value"].Value)
        .Distinct();

    private static IEnumerable<T> ConstantsOf<T>(Type type) =>
        type.GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.IsLiteral).Select(field => (T)field.GetRawConstantValue()!);

    /// <summary>The code that clients receive.</summary>
    private static string CodeOf(GapCode gap)
    {
        var frame = NotifierV1.Format.Encode(new FrameBuffer(), [Message.GapOf(gap)], new SubscriptionIdentity(Name.Channel("a")), 1).Bytes.Span;
        return (string)JsonNode.Parse(frame[2..])!["code"]!;
    }

    [GeneratedRegex("^(data: )?{\"type\":\"(?<value>\\w+)\"")]
    private static partial Regex TypeOf();

    [GeneratedRegex("\"code\":\"(?<value>[^\"]+)\"")]
    private static partial Regex Code();

    [GeneratedRegex("^close (?<value>\\d+)")]
    private static partial Regex Close();

    [GeneratedRegex("\"position\":\"(?<value>[^\"]+)\"")]
    private static partial Regex Position();
}
