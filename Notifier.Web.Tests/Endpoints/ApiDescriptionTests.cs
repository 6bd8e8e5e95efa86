using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using FluentAssertions;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Notifier.Tests.Support;
using Xunit;
using HttpJsonOptions = Microsoft.AspNetCore.Http.Json.JsonOptions;
using ProblemDetails = Microsoft.AspNetCore.Mvc.ProblemDetails;

namespace Notifier.Tests.Endpoints;

/// <summary><c>/openapi/v1.json</c>, from which client generators create clients.</summary>
public sealed class ApiDescriptionTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    [Fact]
    public async Task The_api_description_has_exactly_the_public_routes_with_their_parameters_and_problems()
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        using var http = new HttpClient();
        var document = JsonNode.Parse(await http.GetStringAsync(new Uri(app.Address, "/openapi/v1.json")))!.AsObject();
        var paths = document["paths"]!.AsObject();

        ((string?)document["openapi"]).Should().StartWith("3.");
        paths.Select(path => $"{path.Key} {string.Join(' ', path.Value!.AsObject().Select(operation => operation.Key))}")
            .Should().BeEquivalentTo("/events get post", "/publish post", "/publish/{channel} post", "/disconnect post",
                "/history/{channel} get", "/position get", "/notifier.lua get");
        var one = paths["/publish/{channel}"]!["post"]!;
        var many = paths["/publish"]!["post"]!;
        var events = paths["/events"]!["get"]!;
        ((string?)one["parameters"]![0]!["name"], (string?)one["parameters"]![0]!["in"], (bool?)one["parameters"]![0]!["required"])
            .Should().Be(("channel", "path", true));
        events["parameters"]!.AsArray().Select(parameter => (string?)parameter!["name"]).Should().Equal("channel", "pattern", "after", "last", "lastEventId");
        var form = paths["/events"]!["post"]!;
        form["requestBody"]!["content"]!.AsObject().Select(type => type.Key).Should().Equal("application/x-www-form-urlencoded");
        one["requestBody"]!["content"]!.AsObject().Select(type => type.Key).Should().Equal("*/*");
        many["requestBody"]!["content"]!.AsObject().Select(type => type.Key).Should().Equal("application/json");
        Statuses(one).Should().BeEquivalentTo("200", "400", "401", "403", "408", "413", "422", "429", "503");
        Statuses(many).Should().BeEquivalentTo("200", "400", "401", "403", "408", "413", "422", "429", "503");
        Statuses(events).Should().BeEquivalentTo("200", "400", "401", "403", "414");
        Statuses(form).Should().BeEquivalentTo("200", "400", "401", "403", "408", "413", "415", "429", "503");
        Statuses(paths["/history/{channel}"]!["get"]!).Should().BeEquivalentTo("200", "400", "401", "403", "404", "429", "503");
        Statuses(paths["/position"]!["get"]!).Should().BeEquivalentTo("200", "401", "403", "404", "429", "503");
        foreach (var status in new[] { "400", "403", "413", "503" })
            one["responses"]![status]!["content"]!.AsObject().Select(type => type.Key).Should().Equal("application/problem+json");
        var published = document["components"]!["schemas"]!["PublishResponse"]!["properties"]!.AsObject();
        published.Select(property => property.Key).Should().BeEquivalentTo("channel", "redisReceivers", "position", "repeated");
    }

    /// <summary>A Native AOT build has no reflection, and answered 500 because one type was missing.</summary>
    [Fact]
    public async Task Every_described_response_type_is_serializable_without_reflection()
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        var serializer = app.Services.GetRequiredService<IOptions<HttpJsonOptions>>().Value.SerializerOptions;
        var generated = serializer.TypeInfoResolverChain.OfType<JsonSerializerContext>().ToList();
        var described = app.Services.GetRequiredService<IApiDescriptionGroupCollectionProvider>().ApiDescriptionGroups.Items
            .SelectMany(group => group.Items).SelectMany(route => route.SupportedResponseTypes).Select(response => response.Type).OfType<Type>()
            .Where(type => type != typeof(void)).Distinct().ToList();

        described.Should().Contain(typeof(ProblemDetails));
        described.Should().OnlyContain(type => generated.Any(context => context.GetTypeInfo(type) != null));
    }

    private static IEnumerable<string> Statuses(JsonNode operation) => operation["responses"]!.AsObject().Select(response => response.Key);
}
