using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Notifier.Endpoints.Http;

/// <summary>The routes that backends call, and their description in <c>/openapi/v1.json</c>.</summary>
internal static class ApiDescription
{
    private const string Version = "v1";

    public static void Configure(OpenApiOptions options) => options.AddDocumentTransformer(static (document, _, _) =>
    {
        document.Info.Title = "Notifier";
        document.Info.Description = "Publishes messages to browsers. Browsers use a WebSocket: docs/protocol.md.";
        document.Info.Version = Version;
        // The server is where the description comes from.
        document.Servers?.Clear();
        return Task.CompletedTask;
    });

    /// <summary>The description does not change, so it is made once, for the first request.</summary>
    public static void MapApiDescription(this WebApplication app)
    {
        var description = new Lazy<Task<byte[]>>(() => DescribeAsync(app.Services));
        app.MapGet($"/openapi/{Version}.json", async () => TypedResults.Bytes(await description.Value, "application/json;charset=utf-8")).ExcludeFromDescription();
    }

    private static async Task<byte[]> DescribeAsync(IServiceProvider services)
    {
        await using var scope = services.CreateAsyncScope();
        var document = await scope.ServiceProvider.GetRequiredKeyedService<IOpenApiDocumentProvider>(Version).GetOpenApiDocumentAsync();
        using var bytes = new MemoryStream();
        await document.SerializeAsJsonAsync(bytes, OpenApiSpecVersion.OpenApi3_1);
        return bytes.ToArray();
    }

    public static void MapPublish(this WebApplication app)
    {
        app.MapPost("/publish/{**channel}", static (HttpContext context, PublishEndpoint publish) => publish.PublishAsync(context))
            .Traced("/publish/{channel}")
            .RequirePublisher()
            .WithName("publish")
            .WithSummary("Publishes the body on a channel")
            .WithParameter(ParameterLocation.Path, "channel", "The channel: UTF-8, percent-encoded, slashes included.")
            .WithBody("The payload, of any type.", "*/*")
            .WithProblems();
        app.MapPost("/publish", static (HttpContext context, PublishEndpoint publish) => publish.PublishManyAsync(context))
            .Traced("/publish")
            .RequirePublisher()
            .WithName("publishMany")
            .WithSummary("Publishes many messages in order, or none if one is rejected")
            .WithBody("An array of objects with \"channel\" and \"data\", both strings.", "application/json")
            .WithProblems();
        app.MapMethods("/publish/{**channel}", [HttpMethods.Options], CrossOrigin.Preflight).ExcludeFromDescription();
    }

    private static RouteHandlerBuilder Traced(this RouteHandlerBuilder route, string template) => route.AddEndpointFilter(async (invocation, next) =>
    {
        var span = Traces.Begin(invocation.HttpContext, template);
        int? status = StatusCodes.Status500InternalServerError;
        try
        {
            var answer = await next(invocation);
            status = ((answer as INestedHttpResult)?.Result ?? answer) is IStatusCodeHttpResult result ? result.StatusCode : null;
            return answer;
        }
        finally
        {
            span.End(status);
        }
    });

    /// <summary>A parameter that the handler does not declare, because it reads the raw address.</summary>
    public static RouteHandlerBuilder WithParameter(
        this RouteHandlerBuilder route, ParameterLocation location, string name, string description, bool isRepeated = false) =>
        route.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            var text = new OpenApiSchema { Type = JsonSchemaType.String };
            operation.Parameters ??= [];
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = name,
                In = location,
                Required = location == ParameterLocation.Path,
                Description = description,
                Schema = isRepeated ? new OpenApiSchema { Type = JsonSchemaType.Array, Items = text } : text,
            });
            return Task.CompletedTask;
        });

    /// <summary>Described, not enforced: curl's default content type is that of a form.</summary>
    public static RouteHandlerBuilder WithBody(this RouteHandlerBuilder route, string description, string type) =>
        route.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            operation.RequestBody = new OpenApiRequestBody
            {
                Description = description,
                Required = true,
                Content = new Dictionary<string, OpenApiMediaType> { [type] = new() },
            };
            return Task.CompletedTask;
        });

    private static void WithProblems(this RouteHandlerBuilder route) => route
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status401Unauthorized)
        .ProducesProblem(StatusCodes.Status403Forbidden)
        .ProducesProblem(StatusCodes.Status408RequestTimeout)
        .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
        .ProducesProblem(StatusCodes.Status422UnprocessableEntity)
        .ProducesProblem(StatusCodes.Status429TooManyRequests)
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
}

/// <summary>
/// Types that only <c>/openapi/v1.json</c> serializes. A build without reflection (Native AOT) can serialize only types with generated code.
/// </summary>
[JsonSerializable(typeof(ProblemDetails))]
[JsonSerializable(typeof(string))]
internal sealed partial class ApiJson : JsonSerializerContext;
