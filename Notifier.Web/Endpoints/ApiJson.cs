using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;

namespace Notifier.Endpoints;

/// <summary>
/// What only <c>/openapi/v1.json</c> asks the serializer about: a build without reflection (Native AOT) knows of a type what is
/// generated, and nothing else.
/// </summary>
[JsonSerializable(typeof(ProblemDetails))]
[JsonSerializable(typeof(string))]
internal sealed partial class ApiJson : JsonSerializerContext;
